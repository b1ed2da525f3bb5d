"""Reader of NeMo's tarred data: a manifest whose rows have a `shard_id`, beside audio_N.tar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from targets.corpora.entry import Entry, Problem
from targets.corpora.lines import first_row, json_rows
from targets.corpora.rows import Rows
from targets.corpora.tars import Archive
from targets.speech.audio import AudioError, Recording

_USUAL = ("tarred_audio_manifest.json", "tarred_audio_manifest.jsonl", "manifest.json")
_NUMBER = re.compile(r"(\d+)\.tar$")
_PART = re.compile(r"-sub\d+(?=\.\w+$)")  # several parts of one file, which is there once


class NemoTarred:
    """A manifest of shards, or the folder that holds it and them."""

    def recognises(self, path: Path) -> bool:
        """Tell whether `path` is, or holds, a manifest whose first row names a shard."""
        return _manifest(path) is not None

    def read(self, path: Path) -> Iterator[Entry | Problem]:
        """Yield what each line states."""
        manifest = _manifest(path) or path
        folder = manifest.parent
        if folder.name == "sharded_manifests":
            folder = folder.parent
        shards = _Shards(folder)
        rows = partial(json_rows, manifest)
        yield from Rows(manifest, folder, rows, open=shards.read).entries()


def _manifest(path: Path) -> Path | None:
    files = [path / name for name in _USUAL] if path.is_dir() else [path]
    for file in files:
        if file.name.endswith((".json", ".jsonl")) and file.is_file():
            row = first_row(file)
            if row is not None and "shard_id" in row:
                return file
    return None


class _Shards:
    """The archives of a folder, by the number at the end of their names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        numbered = ((_NUMBER.search(path.name), path) for path in sorted(folder.glob("[!.]*.tar")))
        self._paths = {int(found[1]): path for found, path in numbered if found}
        self._open: dict[int, Archive] = {}

    def read(
        self,
        audio: str,
        row: Mapping[str, Any],
        *,
        offset: float,
        duration: float | None,
        channel: int | None,
    ) -> Recording:
        """Read the audio of a row as `read_audio` does."""
        shard = row.get("shard_id")
        if not isinstance(shard, int) or shard not in self._paths:
            raise AudioError(
                f"no archive of shard {shard!r} in {self._folder}", "put audio_N.tar beside it"
            )
        if shard not in self._open:
            self._open[shard] = Archive(self._paths[shard])
        archive = self._open[shard]
        if audio not in archive.places:
            audio = _PART.sub("", audio)
        return archive.read(audio, offset=offset, duration=duration, channel=channel)
