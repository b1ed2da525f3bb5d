"""Tables of text, with commas or tabs, as rows of keys and values."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from targets.corpora.entry import Problem
from targets.corpora.lines import Row, byte_lines


def columns(file: Path) -> tuple[str, ...]:
    """Return the names in the first line of a table, none where it is no text."""
    for item in byte_lines(file):
        if isinstance(item, Problem):
            break
        try:
            line = item[1].decode()
        except UnicodeDecodeError:
            break
        try:
            cells = next(csv.reader([line], delimiter=_delimiter(line)), [])
        except csv.Error:
            break
        return tuple(cell.strip() for cell in cells)
    return ()


def tab_rows(file: Path) -> Iterator[Row | Problem]:
    """Yield the rows of a table with tabs, where a quotation mark is a mark like any other."""
    header: list[str] | None = None
    for item in byte_lines(file):
        if isinstance(item, Problem):
            yield item
            return
        number, line = item
        try:
            cells = [cell.strip() for cell in line.decode().rstrip("\r\n").split("\t")]
        except UnicodeDecodeError:
            yield Problem(file, number, "not UTF-8", "save the file as UTF-8")
            continue
        if header is None:
            header = cells
        elif cells != [""]:
            yield _row(file, number, header, cells)


def csv_rows(file: Path) -> Iterator[Row | Problem]:
    """Yield the rows of a table with commas, semicolons or tabs, and quoted cells.

    A row has the number of the line that it begins on.
    """
    stopped: list[Problem] = []

    def text() -> Iterator[str]:
        for item in byte_lines(file):
            if isinstance(item, Problem):
                stopped.append(item)
                return
            try:
                yield item[1].decode()
            except UnicodeDecodeError:
                stopped.append(Problem(file, item[0], "not UTF-8", "save the file as UTF-8"))
                return

    lines = text()
    first = next(lines, None)
    if first is not None:
        header = [cell.strip() for cell in next(csv.reader([first], delimiter=_delimiter(first)))]
        rows = csv.reader(lines, delimiter=_delimiter(first))
        number = 2
        try:
            for cells in rows:
                if cells:
                    yield _row(file, number, header, cells)
                number = rows.line_num + 2
        except csv.Error as error:
            yield Problem(file, number, f"no row of a table ({error})", "close the quotation marks")
    yield from stopped


def _row(file: Path, number: int, header: list[str], cells: list[str]) -> Row | Problem:
    if len(cells) != len(header):
        return Problem(
            file, number, f"{len(cells)} cells, where the header has {len(header)}", "correct it"
        )
    return number, {key: cell for key, cell in zip(header, cells, strict=True) if cell}


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)
