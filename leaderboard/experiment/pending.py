"""What is still to be computed of a cell, told from its records alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from leaderboard.experiment.fingerprints import attack_code, scheme_code, submission_code
from leaderboard.records.record import Record
from leaderboard.records.run_folder import glances, history
from leaderboard.spec.cell import SUBMISSION, Cell
from leaderboard.spec.choices import AttackChoice
from leaderboard.spec.paths import submitted_file, weights_digest

SCHEME = "scheme"  # the key of its code in a record's fingerprints; the others are attacks


@dataclass(frozen=True)
class Pending:
    """The record whose training still holds, if any, and the attacks to run on its weights.

    With nothing to train on, every attack is pending. `finished` means that the last record says
    all there is to say, `recorded` that there is a record, of whatever.
    """

    finished: bool
    recorded: bool
    trained: Record | None
    attacks: tuple[str, ...]


def pending(out: Path, cell: Cell, stamps: Mapping[str, str]) -> Pending:
    """Return what is pending of a cell after all runs so far in a folder.

    `stamps` are those of the real speech as it is now (`paths.stamps`). A record made before
    fingerprints, stamps or digests of weights were kept is taken to be of the present code, speech
    and weights: its commit tells. A failed attempt leaves what succeeded before it in use.
    """
    if finished(out, cell, stamps):
        return Pending(True, True, history(out, cell)[-1], ())
    records = history(out, cell)
    every = tuple(choice.name for choice in cell.conditions.attacks)
    weights = weights_digest(out, cell)
    for record in reversed(records) if weights else ():
        if record.weights in (None, weights) and _holds(record, cell, out, stamps):
            return Pending(False, True, record, _to_attack(record, cell))
    return Pending(False, bool(records), None, every)


def finished(out: Path, cell: Cell, stamps: Mapping[str, str]) -> bool:
    """Return whether nothing is pending of a cell."""
    found = glances(out, cell)
    return bool(found) and _says_all(found[-1].record, cell, out, stamps)


def attempted(out: Path, cell: Cell, stamps: Mapping[str, str], before: str | None) -> bool:
    """Return whether nothing is pending of a cell, or only attacks that failed since a record.

    `before` is the digest of the last record that there was when the attempt began. So an attempt
    in which an attack failed has left its result, and yet the next run tries that attack again.
    """
    found = glances(out, cell)
    if not found or not _says_all(found[-1].record, cell, out, stamps, but_failed=True):
        return False
    return found[-1].digest != before or not _failed(found[-1].record, cell)


def last_digest(out: Path, cell: Cell) -> str | None:
    """Return the digest of the last record of a cell, if there is one."""
    found = glances(out, cell)
    return found[-1].digest if found else None


def code_of(cell: Cell, out: Path) -> str:
    """Return the digest of the code that trains a cell.

    That of its scheme; or of the submission that is kept in `out`, with all that it is built on
    here. Of one that is not there, its own digest is all that is known.
    """
    if cell.scheme != SUBMISSION:
        return scheme_code(cell.scheme)
    file = submitted_file(out, cell.options["sha256"])
    return submission_code(file.read_text("utf-8")) if file.exists() else cell.options["sha256"]


def _says_all(
    record: Record, cell: Cell, out: Path, stamps: Mapping[str, str], *, but_failed: bool = False
) -> bool:
    if record.status == "failed" or record.cell.digest != cell.digest:
        return False
    if not _same_scheme(record, out):
        return False
    if record.status == "disqualified":
        return True
    if not _same_speech(record, stamps):
        return False
    return set(_to_attack(record, cell)) <= (_failed(record, cell) if but_failed else set())


def _holds(record: Record, cell: Cell, out: Path, stamps: Mapping[str, str]) -> bool:
    return (
        record.status in ("ok", "falsified")
        and record.cell.training_digest == cell.training_digest
        and _same_scheme(record, out)
        and _same_speech(record, stamps)
    )


def _same_scheme(record: Record, out: Path) -> bool:
    return record.fingerprints.get(SCHEME) in (None, code_of(record.cell, out))


def _same_speech(record: Record, stamps: Mapping[str, str]) -> bool:
    return all(record.stamps.get(source) in (None, now) for source, now in stamps.items())


def _to_attack(record: Record, cell: Cell) -> tuple[str, ...]:
    failed = _failed(record, cell)
    return tuple(a.name for a in cell.conditions.attacks if a.name in failed or _stale(a, record))


def _failed(record: Record, cell: Cell) -> set[str]:
    """Return the attacks of a cell that a record tells of, but has no scores of."""
    names: set[str] = {choice.name for choice in cell.conditions.attacks}
    return names & set(record.leakages) - set(record.scores)


def _stale(choice: AttackChoice, record: Record) -> bool:
    return choice not in record.cell.conditions.attacks or record.fingerprints.get(
        choice.name
    ) not in (None, attack_code(choice.name))
