"""Reader of Lhotse cut sets, which open Lhotse's recipes for public corpora.

The cuts are read as the JSON that they are: Lhotse itself would run the command, or open the
address, that a cut may name as its source. Only where a recording is to be transformed does Lhotse
do it, of sources that have been looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from targets.corpora import fields
from targets.corpora.entry import Entry, Problem
from targets.corpora.lines import beside_or_above, first_row, json_rows
from targets.speech.audio import AudioError, Recording, read_audio, to_mono

_ROUNDING = 0.01  # s

_REFUSED = {
    "MixedCut": (
        "a mixed, padded or appended cut",
        "save its sound with cuts.save_audios(...), or leave it out",
    ),
    "PaddingCut": ("a cut of padding alone", "leave it out"),
    "DataCut": ("a cut without sound", "leave it out"),
}


def is_lhotse(row: Mapping[str, Any]) -> bool:
    """Tell whether an object of JSON looks like Lhotse's: a cut, a recording or a supervision."""
    if str(row.get("type", "")).endswith("Cut"):
        return True
    return not {"supervisions", "sources", "recording_id"}.isdisjoint(row)


class Lhotse:
    """A cut set, plain or packed with gzip, or a folder that holds nothing but one."""

    def recognises(self, path: Path) -> bool:
        """Tell whether `path` is a cut set: by its first line, or by Lhotse's usual ending."""
        if path.is_dir():
            return _inside(path) is not None
        if not path.name.endswith((".jsonl", ".jsonl.gz")):
            return False
        row = first_row(path)
        return path.name.endswith(".gz") if row is None else is_lhotse(row)

    def read(self, path: Path) -> Iterator[Entry | Problem]:
        """Yield what each cut states; a cut must hold exactly one supervision."""
        manifest = _inside(path) or path if path.is_dir() else path
        for item in json_rows(manifest):
            if isinstance(item, Problem):
                yield item
                continue
            try:
                cut = cut_of(item[1])
                yield entry_of(manifest, item[0], cut, _sound(item[1], cut, manifest.parent))
            except fields.FieldError as error:
                yield Problem(manifest, item[0], str(error), error.remedy)


def _inside(folder: Path) -> Path | None:
    found = sorted(
        p
        for p in folder.glob("*.jsonl*")
        # What macOS leaves beside files is none.
        if p.name.endswith((".jsonl", ".jsonl.gz")) and not p.name.startswith(".")
    )
    return found[0] if len(found) == 1 and Lhotse().recognises(found[0]) else None


@dataclass(frozen=True)
class Cut:
    """What a cut states: a part of a recording, and what is said in it.

    `start` and `duration` are those of the supervised part, in seconds of the recording.
    """

    id: str
    start: float
    duration: float
    channel: int | None
    said: Mapping[str, Any]
    custom: Mapping[str, Any]


def cut_of(row: dict[str, Any]) -> Cut:
    """Return the supervised part of a cut.

    Raises:
        FieldError: it is no cut of one recording with one supervision.
    """
    kind = row.get("type")
    if isinstance(kind, str) and kind in _REFUSED:
        raise fields.FieldError(f"{_REFUSED[kind][0]} ({kind})", _REFUSED[kind][1])
    if kind not in ("MonoCut", "MultiCut", "Cut"):
        raise fields.FieldError(
            f"no Lhotse cut (type {fields.brief(kind)})",
            "write a CutSet, as CutSet.from_manifests(...) makes of recordings and supervisions",
        )
    start, duration = fields.seconds(row, "start") or 0.0, fields.seconds(row, "duration")
    if not duration:
        raise fields.FieldError("no Lhotse cut (no duration)", "write it as a CutSet")
    supervisions = row.get("supervisions") or []
    if not isinstance(supervisions, list) or not all(isinstance(s, dict) for s in supervisions):
        raise fields.FieldError("no Lhotse cut (supervisions)", "write it as a CutSet")
    if len(supervisions) != 1:
        raise fields.FieldError(
            f"the cut holds {len(supervisions)} supervisions, not one",
            "call trim_to_supervisions() on the cut set first",
        )
    said = supervisions[0]
    # A supervision counts from the start of the cut, and may begin before it.
    begin = said.get("start", 0.0)
    length = fields.seconds(said, "duration")
    if not isinstance(begin, int | float) or isinstance(begin, bool) or not -1e9 < begin < 1e9:
        raise fields.FieldError(f"supervision start {fields.brief(begin)} is no time", "correct it")
    end = duration if length is None else begin + length
    if begin < -_ROUNDING or end > duration + _ROUNDING:
        raise fields.FieldError(
            f"the supervision lasts from {begin:.2f} to {end:.2f} s, the cut {duration:.2f} s",
            "the cut holds only a part of what is said: cut it by its supervisions",
        )
    if begin > _ROUNDING or end < duration - _ROUNDING:
        start, duration = start + max(begin, 0.0), end - max(begin, 0.0)
    custom = {}
    for part in (row.get("custom"), said.get("custom")):
        custom.update(part if isinstance(part, dict) else {})
    return Cut(
        fields.name(row, ("id",), "id", "give the cut an id"),
        float(start),
        float(duration),
        fields.channel(row, "channel") if kind != "MultiCut" else _only_channel(row),
        said,
        custom,
    )


def entry_of(manifest: Path, line: int, cut: Cut, sound: Sound) -> Entry:
    """Return what a cut states.

    Raises:
        FieldError: nobody is named, or the text is none.
    """
    speaker = fields.name(
        cut.said, ("speaker",), "speaker", "name who is heard; splits are by speaker"
    )
    text = cut.said.get("text")
    if text is not None and not isinstance(text, str):
        raise fields.FieldError("no text", "write the transcript as a string")
    custom = dict(cut.custom)
    split = custom.pop("split", None)
    attributes = fields.attributes(custom, ())
    for key in ("gender", "language"):
        if cut.said.get(key):
            attributes[key] = str(cut.said[key])
    return Entry(
        file=manifest,
        line=line,
        id=cut.id,
        speaker=speaker,
        text=text or "",
        read=sound.read,
        audio=sound.audio,
        duration=cut.duration,
        split=None if split is None else str(split),
        attributes=attributes,
    )


@dataclass(frozen=True)
class Sound:
    """How the sound of a cut is read, and the file it lies in, if it is one."""

    read: partial[Recording]
    audio: Path | None = None


def _sound(row: dict[str, Any], cut: Cut, folder: Path) -> Sound:
    """Return how to read a cut's sound.

    Raises:
        FieldError: its source is none that is read.
    """
    source, channel = source_of(row, cut)
    if row["recording"].get("transforms"):
        return Sound(partial(_transformed, row, cut, folder))
    if source.get("type") != "file":
        raise fields.FieldError(
            "the source is in memory, which JSON cannot hold", "save it with cuts.save_audios(...)"
        )
    path = beside_or_above(folder, str(source.get("source")))
    return Sound(
        partial(read_audio, path, offset=cut.start, duration=cut.duration, channel=channel), path
    )


def source_of(
    row: dict[str, Any], cut: Cut, *, kinds: tuple[str, ...] = ("file", "memory")
) -> tuple[Mapping[str, Any], int | None]:
    """Return the source of a cut's sound and the channel in it, None for the mean of all.

    Raises:
        FieldError: there is none, or somewhere in the cut is one of a type not in `kinds`.
    """
    _refuse_running(row, kinds)
    recording = row.get("recording")
    if not isinstance(recording, dict):
        kind = "features only" if row.get("features") else "no recording"
        raise fields.FieldError(f"the cut has {kind}", "add the recording; sound is what is read")
    return _source(recording, cut.channel)


def _source(
    recording: Mapping[str, Any], channel: int | None
) -> tuple[Mapping[str, Any], int | None]:
    """Return the source that has a channel, and the channel's number inside it."""
    sources = recording.get("sources")
    if not isinstance(sources, list) or not all(isinstance(s, dict) for s in sources):
        raise fields.FieldError("no Lhotse cut (sources)", "write it as a CutSet")
    for source in sources:
        has = source.get("channels")
        if not isinstance(has, list) or not has:
            has = [0]
        if channel in has:
            return source, has.index(channel) if len(has) > 1 else None
        if channel is None and len(sources) == 1:
            return source, None
    raise fields.FieldError(
        f"no source of the recording has channel {channel}" if sources else "no source",
        "correct the cut's channel or the recording",
    )


def _only_channel(row: Mapping[str, Any]) -> int | None:
    """Return the channel of a MultiCut; None where all of its recording's are to be mixed."""
    wanted = row.get("channel")
    if isinstance(wanted, list) and len(wanted) > 1:
        recording = row.get("recording")
        sources = recording.get("sources") if isinstance(recording, dict) else None
        if (
            isinstance(sources, list)
            and len(sources) == 1
            and isinstance(sources[0], dict)
            and sources[0].get("channels") == wanted
        ):
            return None
    return fields.channel(row, "channel")


def _refuse_running(cut: dict[str, Any], kinds: tuple[str, ...]) -> None:
    """Refuse sources that would be run or fetched, wherever in a cut they stand."""
    values: list[object] = [cut]
    while values:
        value = values.pop()
        if isinstance(value, list):
            values += value
        elif isinstance(value, dict):
            values += value.values()
            sources = value.get("sources")
            for source in sources if isinstance(sources, list) else []:
                kind = source.get("type") if isinstance(source, dict) else source
                if kind == "shar" and kind not in kinds:
                    raise fields.FieldError(
                        "the sound lies in a Shar folder", "give the folder, not this file"
                    )
                if kind not in kinds:
                    raise fields.FieldError(
                        f"a source of type {fields.brief(kind)}: it may run or download something",
                        'save the sound as files; only sources of type "file" are opened',
                    )


def _transformed(row: dict[str, Any], cut: Cut, folder: Path) -> Recording:
    try:
        from lhotse.serialization import deserialize_item
    except ImportError:
        raise AudioError(
            "the recording is to be transformed, and Lhotse is not installed",
            "pip install overheard[lhotse]",
        ) from None
    try:
        copy = json.loads(json.dumps(row))
        for source in copy["recording"]["sources"]:
            source["source"] = str(beside_or_above(folder, source["source"]))
            if not Path(source["source"]).is_file():
                raise AudioError(f"no audio file {source['source']}", "correct the path")
        whole = deserialize_item(copy)
        part = whole.truncate(offset=cut.start - whole.start, duration=cut.duration)
        waves = part.load_audio()
        rate = int(part.sampling_rate)
    except AudioError:
        raise
    except Exception as error:  # whatever Lhotse's constructors and many backends raise
        raise AudioError(
            f"the audio of cut {cut.id} cannot be read ({_brief(error)})",
            "the audio is missing or truncated",
        ) from None
    return to_mono(waves.T, rate, name=f"cut {cut.id}")


def _brief(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__
