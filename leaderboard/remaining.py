"""What is still to be computed of a cell, told from its records alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from leaderboard.fingerprints import attack_code, scheme_code
from leaderboard.layout import weights_file
from leaderboard.record import Record, history
from leaderboard.suite import SUBMISSION, AttackChoice, Cell

SCHEME = "scheme"  # the key of its code in a record's fingerprints; the others are attacks


@dataclass(frozen=True)
class Remaining:
    """The record whose training still holds, if any, and the attacks to run on its weights.

    With nothing to train on, every attack remains. `finished` means that the last record says all
    there is to say, `recorded` that there is a record, of whatever.
    """

    finished: bool
    recorded: bool
    trained: Record | None
    attacks: tuple[str, ...]


def remaining(out: Path, cell: Cell) -> Remaining:
    """Return what remains of a cell after all runs so far in a folder.

    A record made before fingerprints were kept is taken to be of the present code: its commit
    tells. A failed attempt leaves what succeeded before it in use.
    """
    records = history(out, cell)
    if records and _says_all(records[-1], cell):
        return Remaining(True, True, records[-1], ())
    every = tuple(choice.name for choice in cell.conditions.attacks)
    if weights_file(out, cell).exists():
        for record in reversed(records):
            if _holds(record, cell):
                stale = tuple(a.name for a in cell.conditions.attacks if _stale(a, record))
                return Remaining(False, True, record, stale)
    return Remaining(False, bool(records), None, every)


def finished(out: Path, cell: Cell) -> bool:
    """Return whether nothing remains of a cell."""
    return remaining(out, cell).finished


def code_of(cell: Cell) -> str:
    """Return the digest of the code that trains a cell: of its scheme, or of what was submitted."""
    return cell.options["sha256"] if cell.scheme == SUBMISSION else scheme_code(cell.scheme)


def _says_all(record: Record, cell: Cell) -> bool:
    if record.status == "failed" or record.cell.digest != cell.digest or not _same_scheme(record):
        return False
    if record.status == "disqualified":
        return True
    return not any(_stale(choice, record) for choice in cell.conditions.attacks)


def _holds(record: Record, cell: Cell) -> bool:
    return (
        record.status in ("ok", "falsified")
        and record.cell.training_digest == cell.training_digest
        and _same_scheme(record)
    )


def _same_scheme(record: Record) -> bool:
    return record.fingerprints.get(SCHEME) in (None, code_of(record.cell))


def _stale(choice: AttackChoice, record: Record) -> bool:
    return choice not in record.cell.conditions.attacks or record.fingerprints.get(
        choice.name
    ) not in (None, attack_code(choice.name))
