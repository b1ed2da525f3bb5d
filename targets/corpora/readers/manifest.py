"""Reader of manifests, one utterance a line, as NeMo writes them and a little beyond.

Keys: `audio_filepath` or `audio` (relative to the manifest), `text`, `speaker`; optional `id`,
`duration` and `offset` (seconds), `channel` (from 0), `split`; any other key becomes an attribute.
An array of such objects is read too, and both packed with gzip.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from targets.corpora.entry import Entry, Problem
from targets.corpora.lines import first_row, json_rows
from targets.corpora.readers.lhotse import is_lhotse
from targets.corpora.rows import Rows

_ENDINGS = (".jsonl", ".json", ".jsonl.gz", ".json.gz")
_USUAL = ("manifest.jsonl", "manifest.json")


class Manifest:
    """A manifest, or a folder with one."""

    def recognises(self, path: Path) -> bool:
        """Tell whether `path` is, or holds, a manifest of objects that are no Lhotse cuts."""
        if path.is_dir():
            inside = _inside(path)
            return inside is not None and self.recognises(inside)
        if not path.name.endswith(_ENDINGS):
            return False
        row = first_row(path)
        if row is None:  # broken, or empty: of cuts only Lhotse's usual ending remains
            return not path.name.endswith(".gz")
        return not is_lhotse(row) and "shard_id" not in row

    def read(self, path: Path) -> Iterator[Entry | Problem]:
        """Yield what each line states, or the first problem with stating it."""
        manifest = _inside(path) or path if path.is_dir() else path
        return Rows(manifest, manifest.parent, partial(json_rows, manifest)).entries()


def _inside(folder: Path) -> Path | None:
    return next((folder / name for name in _USUAL if (folder / name).is_file()), None)
