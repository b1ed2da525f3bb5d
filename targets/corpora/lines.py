"""Text files by line: UTF-8 with or without a byte-order mark, gzipped or not, JSON or table."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from targets.corpora.entry import Problem

Row = tuple[int, dict[str, Any]]  # its line, from 1, and its object
Line = tuple[int, str]

_LONGEST = 1 << 26  # bytes of a line: more is no manifest, and must not fill the memory
_DECODER = json.JSONDecoder()
_DEEPEST = 50  # objects inside one another


def byte_lines(file: Path) -> Iterator[tuple[int, bytes] | Problem]:
    """Yield every line of `file`, unpacked where its name ends in .gz, without the line's end."""
    number = 0
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
            while line := lines.readline(_LONGEST):
                number += 1
                if len(line) == _LONGEST:
                    yield Problem(file, number, "a line of over 64 MB", "write an utterance a line")
                    return
                yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        yield Problem(file, number + 1, f"the archive is broken ({error})", "copy the file again")


def text_lines(file: Path) -> Iterator[Line | Problem]:
    """Yield every line of `file` that is not blank, without white space at its ends."""
    for item in byte_lines(file):
        if isinstance(item, Problem):
            yield item
            continue
        number, line = item
        try:
            text = line.decode().strip()
        except UnicodeDecodeError:
            yield Problem(file, number, "not UTF-8", "save the file as UTF-8")
        else:
            if text:
                yield number, text


def json_rows(file: Path) -> Iterator[Row | Problem]:
    """Yield every object of a file of one object a line, or of one array of objects."""
    lines = byte_lines(file)
    array = False
    for item in lines:
        if not isinstance(item, Problem) and item[1].strip():
            # "[1, 2]" alone on a first line is a wrong line as much as an array of wrong rows.
            array = item[1].lstrip().startswith(b"[")
            break
    if array:
        yield from _array(file)
        return
    for item in byte_lines(file):
        if isinstance(item, Problem):
            yield item
            continue
        number, line = item
        if line.strip():
            yield _row(file, number, line)


def _row(file: Path, number: int, line: bytes) -> Row | Problem:
    try:
        text = line.decode().strip(" \t\r\n")
        row, end = _DECODER.raw_decode(text)
        if end < len(text):
            raise json.JSONDecodeError("Extra data", text, end)
    except (ValueError, RecursionError) as error:
        return _no_json(file, number, error)
    if isinstance(row, dict) and b"\\u" not in line and line.count(b"{") + line.count(b"[") < 9:
        return number, row  # most: nothing in it can be wrong
    return _checked(file, number, row)


def _array(file: Path) -> Iterator[Row | Problem]:
    """Yield the objects of a JSON array, each with the line that it begins on."""
    pieces = []
    for item in byte_lines(file):
        if isinstance(item, Problem):
            yield item
            return
        pieces.append(item[1])
    try:
        text = b"".join(pieces).decode()
    except UnicodeDecodeError as error:
        yield _no_json(file, 1 + b"".join(pieces)[: error.start].count(b"\n"), error)
        return
    decoder = json.JSONDecoder()
    number, counted = 1, 0
    place = text.index("[") + 1
    expects_comma = False
    while True:
        while place < len(text) and text[place] in " \t\r\n":
            place += 1
        number, counted = number + text.count("\n", counted, place), place
        here = text[place : place + 1]
        if here == "]":
            if text[place + 1 :].strip():
                number += text.count("\n", place, len(text.rstrip()))
                yield Problem(file, number, "something follows the array", "write one array")
            return
        if expects_comma:
            if here != ",":
                yield Problem(file, number, "not JSON (no , or ])", "correct the line")
                return
            place, expects_comma = place + 1, False
            continue
        try:
            row, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            yield _no_json(file, number, error)
            return
        yield _checked(file, number, row)
        expects_comma = True


def _checked(file: Path, number: int, row: object) -> Row | Problem:
    if _depth(row) > _DEEPEST:
        return Problem(file, number, "not JSON (nested too deep)", "correct the line")
    if not _is_unicode(row):
        return Problem(file, number, "half a character (lone surrogate)", "correct the line")
    if not isinstance(row, dict):
        return Problem(file, number, "not a JSON object", "write one object a line")
    return number, row


def _no_json(file: Path, number: int, error: Exception) -> Problem:
    if isinstance(error, UnicodeDecodeError):
        return Problem(file, number, "not UTF-8", "save the file as UTF-8")
    if isinstance(error, json.JSONDecodeError):
        reason = f"{error.msg}, column {error.colno}"
    elif isinstance(error, RecursionError):
        reason = "nested too deep"
    else:  # such as a number of 5,000 digits
        reason = str(error)
    return Problem(file, number, f"not JSON ({reason})", "correct the line")


def _depth(row: object) -> int:
    """Return how deep lists and objects are nested, at most one more than is allowed."""
    level, depth = [row], 0
    while depth <= _DEEPEST:
        level = [
            part
            for value in level
            if isinstance(value, list | dict)
            for part in (value if isinstance(value, list) else value.values())
        ]
        if not level:
            break
        depth += 1
    return depth


def _is_unicode(row: object) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def first_row(file: Path) -> dict[str, Any] | None:
    """Return the first object of a JSON file, None where its first line is none."""
    for item in json_rows(file):
        return None if isinstance(item, Problem) else item[1]
    return None


def beside_or_above(folder: Path, name: str) -> Path:
    """Return the file that a path of a manifest in `folder` means.

    Toolkits write paths as seen from the folder of a recipe, which is one of those above.
    """
    places = (folder, *folder.resolve().parents[:3])
    return next((p for p in (place / name for place in places) if _is_file(p)), folder / name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def files_below(folder: Path, *endings: str) -> Iterator[Path]:
    """Yield the files below `folder` whose names end so, sorted, through links to folders too.

    What macOS leaves beside files ("._name") is passed over; no folder is entered twice.
    """
    seen: set[tuple[int, int]] = set()
    found = []
    for place, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        found += [Path(place, name) for name in names if name.endswith(endings) and name[0] != "."]
    yield from sorted(found)
