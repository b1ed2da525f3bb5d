"""Reader of Hugging Face audio folders: metadata.csv or metadata.jsonl beside the audio.

Each row has `file_name`, the transcript as `text`, `transcription` or `sentence`, and the speaker
as `speaker`, `speaker_id` or `client_id`. Folders named after splits have a table each.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from targets.corpora.entry import Entry, Problem
from targets.corpora.fields import split_of
from targets.corpora.lines import Row, first_row, json_rows
from targets.corpora.names import Names
from targets.corpora.rows import Keys, Rows
from targets.corpora.tables import columns, csv_rows

KEYS = Keys(
    audio=("audio", "audio_file_name", "file_name"),
    text=("text", "transcription", "sentence", "transcript"),
    speaker=("speaker", "speaker_id", "client_id"),
)
_TABLES = ("metadata.csv", "metadata.jsonl")


class AudioFolder:
    """A folder with one table, or with folders of one each (also under data/)."""

    def recognises(self, path: Path) -> bool:
        """Tell whether there is a table that names files."""
        return path.is_dir() and bool(_tables(path))

    def read(self, path: Path) -> Iterator[Entry | Problem]:
        """Yield what every row states."""
        tables = [
            Rows(
                file=table,
                folder=path,
                rows=partial(_rows, table, table.parent.relative_to(path)),
                keys=KEYS,
                split=split_of(table.parent.name) if table.parent != path else None,
            )
            for table in _tables(path)
        ]
        names = Names(path, chain.from_iterable(table.sources() for table in tables))
        for table in tables:
            yield from table.entries(names)


def _tables(folder: Path) -> list[Path]:
    places = [
        folder,
        *sorted(p for p in (*folder.iterdir(), *folder.glob("data/*")) if _is_open(p)),
    ]
    found = (next((p / name for name in _TABLES if _is_table(p / name)), None) for p in places)
    return [table for table in found if table is not None]


def _is_open(place: Path) -> bool:
    return place.is_dir() and not place.name.startswith(".")


def _is_table(file: Path) -> bool:
    if not file.is_file():
        return False
    named = columns(file) if file.suffix == ".csv" else first_row(file) or ()
    return not {"file_name", "audio_file_name"}.isdisjoint(named)


def _rows(table: Path, inside: Path) -> Iterator[Row | Problem]:
    """Yield rows whose files are named as seen from the folder of the corpus."""
    for item in csv_rows(table) if table.suffix == ".csv" else json_rows(table):
        if not isinstance(item, Problem):
            for key in ("audio_file_name", "file_name"):
                name = item[1].get(key)
                if isinstance(name, str) and name and "://" not in name:
                    item[1][key] = str(inside / name)
        yield item
