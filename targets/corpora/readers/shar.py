"""Reader of Lhotse Shar folders: cuts.*.jsonl.gz beside recording.*.tar, a shard each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from targets.corpora import fields
from targets.corpora.entry import Entry, Problem
from targets.corpora.lines import json_rows
from targets.corpora.readers.lhotse import Sound, cut_of, entry_of, source_of
from targets.corpora.tars import Archive
from targets.speech.audio import AudioError

_NO_AUDIO = (".json", ".nodata", ".nometa")


class Shar:
    """A folder of shards."""

    def recognises(self, path: Path) -> bool:
        """Tell whether there is a shard of cuts, and one of recordings."""
        return path.is_dir() and bool(_shards(path)) and any(path.glob("recording.*.tar"))

    def read(self, path: Path) -> Iterator[Entry | Problem]:
        """Yield what each cut states; a cut must hold exactly one supervision."""
        for shard in _shards(path):
            number = shard.name.removeprefix("cuts.").partition(".jsonl")[0]
            try:
                archive = Archive(path / f"recording.{number}.tar")
            except AudioError as error:
                yield Problem(shard, None, str(error), error.remedy)
                continue
            members = {
                str(Path(name).with_suffix("")): name
                for name in archive.places
                if not name.endswith(_NO_AUDIO)
            }
            for item in json_rows(shard):
                if isinstance(item, Problem):
                    yield item
                    continue
                line, row = item
                try:
                    cut = cut_of(row)
                    _, channel = source_of(row, cut, kinds=("shar",))
                    # The audio in the archive is that of the cut, of the channels that it has.
                    name = members.get(cut.id, f"{cut.id}.flac")
                    read = partial(
                        archive.read,
                        name,
                        offset=cut.start,
                        duration=cut.duration,
                        channel=channel,
                    )
                    yield entry_of(shard, line, cut, Sound(read, archive.path))
                except fields.FieldError as error:
                    yield Problem(shard, line, str(error), error.remedy)


def _shards(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("cuts.*.jsonl*") if p.name.endswith((".jsonl", ".gz")))
