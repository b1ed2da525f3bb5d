"""Reader of Common Voice: train.tsv, dev.tsv and test.tsv, or validated.tsv, beside clips/."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from targets.corpora.entry import Entry, Problem
from targets.corpora.lines import Row
from targets.corpora.names import Names
from targets.corpora.rows import Keys, Rows
from targets.corpora.tables import columns, tab_rows

_KEYS = Keys(audio=("path",), text=("sentence",), speaker=("client_id",))
_SPLITS = ("train", "dev", "test")
_GENDERS = {"male_masculine": "male", "female_feminine": "female"}


class CommonVoice:
    """A language of Common Voice: its folder, or one of its tables.

    Of the folder its own splits are read; where there are none, what was validated. Clips that
    were not, or were found wrong, are left alone.
    """

    def recognises(self, path: Path) -> bool:
        """Tell whether `path` is, or holds, a table of clips beside a folder `clips`."""
        return bool(_tables(path))

    def read(self, path: Path) -> Iterator[Entry | Problem]:
        """Yield what every row states."""
        for table in _tables(path):
            rows = Rows(
                file=table,
                folder=table.parent,
                rows=partial(_rows, table),
                keys=_KEYS,
                split=table.stem if table.stem in _SPLITS else None,
            )
            # A clip's file name is its id.
            yield from rows.entries(Names(table.parent, ()))


def _tables(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == ".tsv" and _is_table(path) else []
    splits = [path / f"{name}.tsv" for name in _SPLITS]
    found = [table for table in splits if _is_table(table)]
    return found or [t for t in (path / "validated.tsv",) if _is_table(t)]


def _is_table(file: Path) -> bool:
    named = file.is_file() and (file.parent / "clips").is_dir()
    return named and {"client_id", "path", "sentence"} <= set(columns(file))


def _rows(table: Path) -> Iterator[Row | Problem]:
    for item in tab_rows(table):
        if not isinstance(item, Problem) and "path" in item[1]:
            row = item[1]
            clip = Path(row["path"])
            # Early releases wrote the name without its ending.
            name = clip.name if clip.suffix else f"{clip.name}.mp3"
            row |= {"id": clip.stem, "path": f"clips/{name}"}
            if "gender" in row:
                row["gender"] = _GENDERS.get(row["gender"], row["gender"])
        yield item
