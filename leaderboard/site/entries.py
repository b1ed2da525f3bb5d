"""The entries of the leaderboard's page: records by suite, with what lies beside them in a run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from leaderboard.figures.paired import Beside, every_difference
from leaderboard.figures.seeds import Repeated
from leaderboard.records.attack_result import AttackResult, read_results
from leaderboard.records.board import NO_BOARD, Board
from leaderboard.records.mechanism_audit import read_audits
from leaderboard.records.record import Record
from leaderboard.records.run_folder import read_history
from leaderboard.records.store import RecordError
from leaderboard.records.strongest import disproof, results_on
from leaderboard.spec.load import suite_of
from leaderboard.spec.paths import SOUNDS
from leaderboard.views.controls import control_columns
from leaderboard.views.table import Row, place
from targets.core.estimate import Estimate

NOBODY = Beside(())
PICTURE = "spectrograms.png"


@dataclass(frozen=True)
class Run:
    """The folder of a run, and what can be seen and heard of it."""

    name: str
    picture: Path | None
    sounds: tuple[Path, ...]


@dataclass(frozen=True)
class Entry:
    """One record on the page.

    `suite` names the conditions: entries may be compared within one suite only. `name` is unique
    on the page and fit for a file name; `superseded_by` is the name of the entry that corrects it.
    `results` are what attacks submitted later found on its weights, and `disproof` says which of
    them proves more than the record promises. `beside` are the records of its suite that count,
    its own among them; `board` is what is known of those of its run together.
    """

    name: str
    suite: str
    record: Record
    path: Path
    digest: str
    run: Run
    superseded_by: str | None
    results: tuple[AttackResult, ...]
    beside: Beside = NOBODY
    board: Board = NO_BOARD

    @cached_property
    def controls(self) -> Row:
        """How it compares with the rows that touch nothing private."""
        return control_columns(Repeated((self.record,)), self.beside)

    @cached_property
    def differences(self) -> dict[str, dict[str, Estimate]]:
        """What each attack finds more than on the row that trained on nothing private."""
        return every_difference(self.record, self.beside)

    @property
    def disproof(self) -> str | None:
        """In a sentence, what a submitted attack disproved."""
        return disproof(self.record, self.results)

    @property
    def status(self) -> str:
        """The record's status on its board, or that another has superseded it."""
        return "superseded" if self.superseded_by else self.board.status(self.record)

    @property
    def title(self) -> str:
        """What a reader calls it."""
        cell = self.record.cell
        promise = "" if cell.epsilon is None else f", ε = {cell.epsilon:g}"
        return f"{cell.target} · {cell.label}{promise}, seed {cell.seed}"


def read_entries(folders: Sequence[Path]) -> list[Entry]:
    """Return the entries of some runs: by suite in the order given, then as in the table.

    Two runs under one name of a suite but under other conditions become two suites, told apart by
    the digest of their conditions.

    Raises:
        RecordError: a record is not whole, or two runs hold the same cell.
    """
    histories = [(folder, read_history(folder)) for folder in folders]
    suites = _suites(stored.record for _, history in histories for stored in history)
    entries: dict[str, Entry] = {}
    for number, (folder, history) in enumerate(histories, 1):
        run, found = _run(folder, number), read_results(folder)
        named = {s.digest: f"{suites[_conditions(s.record)]}-{s.path.stem}" for s in history}
        later = {s.record.supersedes: named[s.digest] for s in history}
        counting = [s.record for s in history if s.digest not in later]
        board = Board.of(counting, found, read_audits(folder))
        for path, digest, record in history:
            name = named[digest]
            if name in entries:
                raise RecordError(
                    f"{path}: {entries[name].path} is of the same cell: show one run or the other"
                )
            entries[name] = Entry(
                name,
                suites[_conditions(record)],
                record,
                path,
                digest,
                run,
                later.get(digest),
                tuple(results_on(record, found)),
                board=board,
            )
    order = list(dict.fromkeys(entry.suite for entry in entries.values()))
    beside = {
        suite: Beside.of(
            sorted((e.record for e in entries.values() if counts(e, suite)), key=place)
        )
        for suite in order
    }
    return sorted(
        (replace(entry, beside=beside[entry.suite]) for entry in entries.values()),
        key=lambda e: (order.index(e.suite), place(e.record), e.path.name),
    )


def counts(entry: Entry, suite: str) -> bool:
    """Return whether an entry is of a suite and has not been superseded."""
    return entry.suite == suite and not entry.superseded_by


def sound_label(file: Path) -> str:
    """Return what is heard in a sound file of a run, by its name."""
    if file.stem == "original":
        return "the original"
    if file.stem == "twin":
        return "another recording of the speaker, stretched"
    if found := _REBUILT.fullmatch(file.stem):
        source = "an update" if found["update"] else "the model"
        return f"rebuilt from {source} {f'at ε = {e}' if (e := found['epsilon']) else 'without DP'}"
    return file.stem.replace("-", " ").replace("_", " ")


_REBUILT = re.compile(r"(?P<update>update-)?(none|eps(?P<epsilon>\d+(?:\.\d+)?))")


def _run(folder: Path, number: int) -> Run:
    picture = folder / PICTURE
    sounds = sorted((folder / SOUNDS).glob("*.wav"), key=_heard_in_order)
    return Run(f"run{number}", picture if picture.is_file() else None, tuple(sounds))


def _heard_in_order(file: Path) -> tuple[int, float, str]:
    """First the original, then from no privacy to the most: of models, of an update; controls."""
    if found := _REBUILT.fullmatch(file.stem):
        return 2 if found["update"] else 1, -float(found["epsilon"] or "inf"), file.name
    return 0 if file.stem == "original" else 3, 0.0, file.name


def _conditions(record: Record) -> tuple[str, str]:
    return suite_of(record.cell), record.cell.conditions.digest


def _suites(records: Iterable[Record]) -> dict[tuple[str, str], str]:
    """Return what each suite is called on the page, by its name and its conditions."""
    found = list(dict.fromkeys(map(_conditions, records)))
    names = [suite for suite, _ in found]
    return {
        (suite, digest): suite if names.count(suite) == 1 else f"{suite}-{digest[:6]}"
        for suite, digest in found
    }
