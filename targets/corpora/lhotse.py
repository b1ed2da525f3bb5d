"""Reader of Lhotse cut sets (`.jsonl.gz`), which open Lhotse's recipes for public corpora."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from targets.corpora.entry import CorpusError, Entry, Problem
from targets.corpora.jsonl import json_lines
from targets.speech.audio import AudioError, Recording, to_mono


def read_cuts(manifest: Path) -> Iterator[Entry | Problem]:
    """Yield what each cut of `manifest` states; a cut must hold exactly one supervision.

    Raises:
        CorpusError: Lhotse is not installed.
    """
    try:
        from lhotse.serialization import deserialize_item
    except ImportError:
        raise CorpusError(
            f"{manifest}: Lhotse is not installed — pip install overheard[lhotse]"
        ) from None
    number = 0
    try:
        with gzip.open(manifest, "rb") as lines:
            for item in json_lines(lines, manifest):
                if isinstance(item, Problem):
                    yield item
                    continue
                number, row = item
                try:
                    cut = deserialize_item(row)
                    supervisions = cut.supervisions
                except Exception as error:  # Lhotse raises whatever its constructors raise
                    yield Problem(
                        manifest, number, f"no Lhotse cut ({_brief(error)})", "write it as a CutSet"
                    )
                else:
                    yield _entry(manifest, number, cut, supervisions)
    except (OSError, EOFError, zlib.error) as error:
        yield Problem(
            manifest, number + 1, f"the archive is broken ({_brief(error)})", "copy the file again"
        )


def _entry(manifest: Path, line: int, cut: Any, supervisions: Any) -> Entry | Problem:
    if len(supervisions) != 1:
        return Problem(
            manifest,
            line,
            f"the cut holds {len(supervisions)} supervisions, not one",
            "call trim_to_supervisions() on the cut set first",
        )
    said = supervisions[0]
    if not said.speaker:
        return Problem(manifest, line, "no speaker", "name who is heard; splits are by speaker")
    custom = {**(cut.custom or {}), **(said.custom or {})}
    split = custom.pop("split", None)
    attributes = {
        key: value if isinstance(value, str) else json.dumps(value, default=str)
        for key, value in custom.items()
        if value is not None
    }
    for key in ("gender", "language"):
        if getattr(said, key):
            attributes[key] = str(getattr(said, key))
    return Entry(
        file=manifest,
        line=line,
        id=str(cut.id),
        speaker=str(said.speaker),
        text=said.text or "",
        read=partial(_read, cut, manifest.parent),
        duration=float(cut.duration),
        split=None if split is None else str(split),
        attributes=attributes,
    )


def _read(cut: Any, folder: Path) -> Recording:
    try:
        sources = cut.recording.sources if cut.has_recording else []
        # Lhotse takes relative paths from the working directory; ours may be elsewhere.
        if any(s.type == "file" and not Path(s.source).exists() for s in sources):
            cut = cut.with_recording_path_prefix(folder)
        for source in cut.recording.sources:
            if source.type == "file" and not Path(source.source).exists():
                raise AudioError(f"no audio file {source.source}", "restore it or correct the path")
        waves = cut.load_audio()
    except AudioError:
        raise
    except Exception as error:  # whatever Lhotse's many backends raise
        raise AudioError(
            f"the audio of cut {cut.id} cannot be read ({_brief(error)})",
            "the audio is missing or truncated",
        ) from None
    if waves is None:
        raise AudioError(f"cut {cut.id} has no audio", "add a recording to the cut")
    return to_mono(waves.T, int(cut.sampling_rate), name=f"cut {cut.id}")


def _brief(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__
