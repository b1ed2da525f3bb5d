"""The records in the folder of a run: one file each, none ever overwritten.

Append-only: the first record of a cell is `<cell>.json`; what corrects it is `<cell>.2.json`,
then `<cell>.3.json`, each naming in `supersedes` the digest of the one before. The last counts.

A plan looks at every record several times. So what it asks of a record is remembered as long as its
file stays as it is: see `glances`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from leaderboard.records import verified
from leaderboard.records.record import SCHEMA_VERSION, Record, failed_record
from leaderboard.records.store import RecordError, mistake, read_digested, write_digested
from leaderboard.spec.cell import Cell, Conditions
from targets.core.files import PARTIAL

FOLDER = "records"  # below the folder of a run
MODEL_AUDIT = "model audit"  # the `kind` of what is no record, but has a reader of its own


class Stored(NamedTuple):
    """A record with its file and the digest that is written there."""

    path: Path
    digest: str
    record: Record


# By file: which state of it was read, and what a plan asks of it.
_glanced: dict[Path, tuple[tuple[int, ...], Stored]] = {}
# What a record says of single candidates and utterances: nearly all of its size.
_BULK = ("coins", "speakers", "word_errors", "repetitions")


def write_record(record: Record, run: Path, *, correction: bool = False) -> Path:
    """Write a record below the folder of its run and return its path.

    A failed record gives way to the next attempt at its cell; any other only to a `correction`.

    Raises:
        RecordError: the cell has a record already that must not be superseded.
    """
    chain = _chain(run, record.cell)
    if chain:
        last = _stored(chain[-1])
        if last.record.status != "failed" and not correction:
            raise RecordError(f"{chain[-1]}: exists; a record is never overwritten")
        record = record.model_copy(update={"supersedes": last.digest})
    number = f".{len(chain) + 1}" if chain else ""
    path = run / FOLDER / f"{record.cell.id}{number}.json"
    write_digested(record.content, path)
    return path


def record_failure(cell: Cell, run: Path, reason: str) -> None:
    """Write down that the last attempt at a cell failed, and why."""
    write_record(failed_record(cell, reason), run, correction=True)


def history(run: Path, cell: Cell) -> list[Record]:
    """Return the records of a cell, each superseding the one before."""
    return [read_record(path) for path in _chain(run, cell)]


def glances(run: Path, cell: Cell) -> list[Stored]:
    """Return the records of a cell as `history` does, but without what they say of candidates.

    Their scores are empty, and name the attacks alone.
    """
    return [_glance(path) for path in _chain(run, cell)]


def _glance(path: Path) -> Stored:
    path = path.absolute()
    known = _glanced.get(path)
    if known is None or known[0] != _state(path):
        _stored(path)
    return _glanced[path][1]


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()  # who reads it says what is wrong with it
    return found.st_ino, found.st_size, found.st_mtime_ns


def _chain(run: Path, cell: Cell) -> list[Path]:
    """Return the files of a cell, each superseding the one before."""
    first = run / FOLDER / f"{cell.id}.json"
    chain = [first] if first.exists() else []
    while chain and (later := first.with_suffix(f".{len(chain) + 1}.json")).exists():
        chain.append(later)
    return chain


def read_record(path: Path) -> Record:
    """Read one record.

    Raises:
        RecordError: it is corrupt, changed since it was written, or of another schema.
    """
    return _stored(path).record


def _stored(path: Path) -> Stored:
    state = _state(path)
    content, digest = read_digested(path, "record", SCHEMA_VERSION)
    if content.get("kind") == MODEL_AUDIT:
        raise RecordError(
            f"{path}: is the audit of a model that others trained, and no record of a suite: it "
            "cannot be verified, merged or exported. Give its own folder to `overheard table`, "
            "`compare` or `site`; `overheard audit-model` makes it again"
        )
    try:
        record = _record(content)
    except ValidationError as error:
        raise mistake(path, error) from None
    less: dict[str, Any] = {name: {} for name in _BULK}
    less |= {"scores": {attack: {} for attack in record.scores}}
    _glanced[path.absolute()] = state, Stored(path, digest, record.model_copy(update=less))
    return Stored(path, digest, record)


def _record(content: Mapping[str, Any]) -> Record:
    try:
        # The records of a run share their conditions: read once they are one object, whose digest
        # is computed once.
        conditions = _conditions(json.dumps(content["cell"]["conditions"]))
        cell = Cell.model_validate({**content["cell"], "conditions": conditions})
        return Record.model_validate({**content, "cell": cell})
    except (ValidationError, KeyError, TypeError):
        # Something is wrong with it. Read as a whole, it is told where.
        return Record.model_validate_json(json.dumps(content))


@lru_cache(maxsize=64)
def _conditions(content: str) -> Conditions:
    return Conditions.model_validate_json(content)


def read_records(folder: Path, conditions: str | None = None) -> list[Record]:
    """Read the records that count: of each cell the last.

    `folder` is that of a run, or the one that holds the records. All records must have been made
    under the same conditions: those with the digest `conditions`, or those of the first.

    Raises:
        RecordError: there are none, or one is corrupt, edited, foreign or superseded by nothing.
    """
    return [stored.record for stored in _last_of_each(_read_all(folder, conditions))]


def read_history(folder: Path, conditions: str | None = None) -> list[Stored]:
    """Read every record of a run, those too that a later one supersedes.

    Raises:
        RecordError: as `read_records`.
    """
    history = _read_all(folder, conditions)
    _last_of_each(history)
    return history


def _read_all(folder: Path, conditions: str | None) -> list[Stored]:
    home = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    if not home.is_dir():
        raise RecordError(f"{folder}: no such folder")
    paths = sorted(p for p in home.glob("*.json") if not p.name.startswith(PARTIAL))
    if not paths:
        raise RecordError(f"{folder}: holds no records")
    verified.recall(folder)
    history = [_stored(path) for path in paths]
    for path, _, record in history:
        if not re.fullmatch(rf"{re.escape(record.cell.id)}(\.\d+)?\.json", path.name):
            raise RecordError(f"{path}: holds {record.cell.id} under another name")
        made_under = record.cell.conditions.digest
        conditions = conditions or made_under
        if made_under != conditions:
            raise RecordError(
                f"{path}: made under other conditions (speech, canaries, tokens, delta or training "
                f"differ): keep it in another folder"
            )
    return history


def _last_of_each(history: Sequence[Stored]) -> list[Stored]:
    digests = {stored.digest for stored in history}
    superseded = {stored.record.supersedes for stored in history}
    for path, _, record in history:
        if record.supersedes is not None and record.supersedes not in digests:
            raise RecordError(f"{path}: the record it supersedes is missing")
    last = [stored for stored in history if stored.digest not in superseded]
    home: dict[str, Path] = {}
    for path, _, record in last:
        if record.cell.id in home:
            raise RecordError(
                f"{path}: a second record of {record.cell.id}, beside {home[record.cell.id].name}"
            )
        home[record.cell.id] = path
    return last
