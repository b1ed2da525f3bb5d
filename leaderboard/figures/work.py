"""What the records of a suite took, and the one command that makes them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from leaderboard.records.mechanism_audit import MechanismAudit
from leaderboard.records.record import Record
from leaderboard.spec.cell import Cell
from leaderboard.spec.load import built_in_suites, load_suite
from leaderboard.spec.paths import real_sources

SHARED = "poll"  # the key of seconds that rows share, such as those of teacher votes
HOUR = 3600.0
COMMIT = 8  # digits of a commit that a reader is shown


class Remake(NamedTuple):
    """The command that makes the records of a suite again.

    `cells` are all that it computes, `folders` what it needs below its folder of data. Where the
    suite has other settings by now, `commits` are those of the code that made the records, and
    there are no cells.
    """

    command: str
    cells: tuple[Cell, ...]
    folders: tuple[str, ...]
    commits: tuple[str, ...] = ()


def remake(records: Sequence[Record], name: str) -> Remake:
    """Return how the records of one suite are made again.

    The suite is the built-in one called `name`, or else the one that the records name. Its own
    seeds are used where they give all records, otherwise those of the records. A command computes
    every row of a suite, so that there may be more cells than records.
    """
    conditions = records[0].cell.conditions
    suite = load_suite(name if name in built_in_suites() else records[0].cell.suite)
    seeds = tuple(sorted({record.cell.seed for record in records}))
    at_seeds = suite.model_copy(update={"seeds": seeds, "more_seeds": {}})
    named = [record.cell for record in records]  # by what the suite was called then
    folders = real_sources(conditions)
    if conditions.training.checkpoint is not None:
        folders += (conditions.training.checkpoint,)
    data = " --data FOLDER" if folders else ""
    begin = f"overheard run --suite {suite.name}"
    for one, options in ((suite, ""), (at_seeds, "".join(f" --seed {seed}" for seed in seeds))):
        cells = {cell.id: cell for cell in one.cells()}
        if all(cells.get(c.id) == c.model_copy(update={"suite": suite.name}) for c in named):
            command = f"{begin}{options}{data} --out DIR"
            return Remake(command, tuple(cells.values()), folders)
    commits = tuple(sorted({str(record.code.commit)[:COMMIT] for record in records}))
    return Remake(f"{begin}{data} --out DIR", (), folders, commits)


def hours_of(records: Sequence[Record], audits: Sequence[MechanismAudit] = ()) -> float:
    """Return how long the jobs of some records and audits took together, in hours.

    What several rows share is in the record of each, and counts once.
    """
    shared = {(r.cell.target, r.cell.seed, r.seconds.get(SHARED, 0.0)) for r in records}
    own = sum(s for r in records for stage, s in r.seconds.items() if stage != SHARED)
    return (own + sum(s for *_, s in shared) + sum(audit.seconds for audit in audits)) / HOUR
