"""A cell over its seeds: the records that differ in the seed alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from leaderboard.figures.headline import MEMBERSHIP, headline, largest, membership
from leaderboard.figures.intervals import bound_over_seeds, mean_over_seeds, rate
from leaderboard.figures.paired import counts_of
from leaderboard.records.record import Record
from targets.core.estimate import Estimate

WORST = ("falsified", "disqualified", "failed", "cannot tell", "ok")  # what a status begins with


@dataclass(frozen=True)
class Repeated:
    """The records of one target, scheme and ε, each of another seed, in their order."""

    records: tuple[Record, ...]

    @property
    def first(self) -> Record:
        """The record of the least seed."""
        return self.records[0]

    @property
    def measured(self) -> tuple[Record, ...]:
        """The records that gave anything: what figures are made of."""
        return tuple(r for r in self.records if r.status in ("ok", "falsified"))

    @property
    def seeds(self) -> list[int]:
        """The seeds."""
        return [record.cell.seed for record in self.records]

    def wer(self) -> Estimate:
        """Return the mean word error rate, with an interval over test speakers and seeds."""
        if len(self.measured) > 1 and (counts := counts_of(self.measured)) is not None:
            return rate(counts)
        return mean_over_seeds([r.wer for r in self.measured or self.records], 0.0, shared=True)

    def headline(self, attack: str) -> Estimate:
        """Return the mean of the figure that stands for an attack; see `headline`."""
        if attack == MEMBERSHIP and (aucs := self.membership()):
            return largest(aucs)
        return self.mean(lambda record: headline(record, attack), least=0.0)

    def membership(self) -> dict[str, Estimate]:
        """Return the mean AUC of each membership attack."""
        each = [membership(record) for record in self.measured]
        names = dict.fromkeys(name for aucs in each for name in aucs)
        nothing = Estimate.unscored("a seed has no such attack")
        return {
            name: mean_over_seeds([aucs.get(name, nothing) for aucs in each], 0.0) for name in names
        }

    def mean(self, figure: Callable[[Record], Estimate], least: float) -> Estimate:
        """Return the mean of a figure over seeds; see `mean_over_seeds`."""
        return mean_over_seeds([figure(r) for r in self.measured or self.records], least)

    def bound(self, figure: Callable[[Record], Estimate]) -> Estimate:
        """Return the lower bound that follows from those of all seeds; see `bound_over_seeds`."""
        return bound_over_seeds([figure(r) for r in self.measured or self.records])

    def status(self, of_record: Callable[[Record], str]) -> str:
        """Return the worst status of all seeds."""
        found = [of_record(record) for record in self.records]
        return next(status for worst in WORST for status in found if status.startswith(worst))


def over_seeds(records: Iterable[Record]) -> list[Repeated]:
    """Return the cells of some records over their seeds, in the order of their first records."""
    cells: dict[str, list[Record]] = {}
    for record in records:
        cell = record.cell
        known = (cell.target, cell.scheme, cell.label, cell.epsilon, cell.options)
        conditions = cell.conditions.digest
        cells.setdefault(json.dumps([conditions, *known], sort_keys=True), []).append(record)
    return [Repeated(tuple(sorted(rs, key=lambda r: r.cell.seed))) for rs in cells.values()]


def each_seed(records: Iterable[Record]) -> list[Repeated]:
    """Return every record as a cell of one seed."""
    return [Repeated((record,)) for record in records]
