"""Figures of a study, kept as they are found: what is there is not measured again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from targets.core.files import whole_file

Row = dict[str, object]


class Figures:
    """The rows of both studies in `figures.json` of a folder, written whole after each row."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "figures.json"
        self._kept: dict[str, list[Row]] = {}
        if self._path.exists():
            self._kept = json.loads(self._path.read_text(encoding="utf-8"))

    def row(self, table: str, names: Row, measure: Callable[[], Row]) -> None:
        """Add a row to a table, unless it has one of these names."""
        rows = self._kept.setdefault(table, [])
        if any(names.items() <= row.items() for row in rows):
            return
        rows.append(names | measure())
        print(table, rows[-1], file=sys.stderr, flush=True)
        with whole_file(self._path) as file:
            file.write_text(json.dumps(self._kept, indent=1) + "\n", encoding="utf-8")

    def table(self, name: str) -> list[Row]:
        """Return the rows of a table."""
        return self._kept[name]
