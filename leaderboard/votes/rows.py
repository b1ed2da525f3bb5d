"""Rows about votes: one for each cell of PATE, from records and the votes that are kept with them.

What is not known is unscored, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leaderboard.figures.paired import wer_difference
from leaderboard.figures.seeds import Repeated, each_seed, over_seeds
from leaderboard.records.record import Record
from leaderboard.records.run_folder import read_records
from leaderboard.spec.load import suite_of
from leaderboard.views.table import SEEDS, Row, place, row_of
from leaderboard.votes.kept import NOT_KEPT, Errors, KeptVotes, LabelErrors, kept_votes
from leaderboard.votes.prices import Noise, WinnersAlone, lead_needed, winners_alone
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness

NOTES = {"vote_noise", "votes", "teachers"}  # what the records of PATE say of it
NO_SPEECH = "what was said is not in the records: name the folder of the speech with --data"
DP_SGD, SELF_TRAINED, PUBLIC = "edpsgd", "edpsgd-self-trained", "public"
RIVALS = (DP_SGD, SELF_TRAINED, PUBLIC, "start", "none")
COMPARED = (DP_SGD, PUBLIC)  # the rivals whose difference is shown
NAN = math.nan


@dataclass(frozen=True)
class Voted:
    """One record of PATE, and what is known of its votes; where nothing is, why."""

    record: Record
    kept: KeptVotes | str
    labels: LabelErrors | str

    @property
    def teachers(self) -> int:
        """How many voted."""
        return int(str(self.record.notes["teachers"]))

    @property
    def queries(self) -> int:
        """How many votes were paid for."""
        return int(str(self.record.notes["votes"]))

    @property
    def laplace(self) -> bool:
        """Whether the noise was Laplace's."""
        return "LaplaceDpEvent" in str(self.record.event)

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise on every count, in votes."""
        return float(str(self.record.notes["vote_noise"])) * (math.sqrt(2) if self.laplace else 1)

    @property
    def plain(self) -> bool:
        """Whether every vote was answered with Gaussian noise: all that prices here are about."""
        return str(self.record.event).startswith("GaussianDpEvent")


@dataclass(frozen=True)
class VoteCell:
    """A cell of PATE over its seeds, its row, and its votes seed by seed."""

    row: Row
    seeds: tuple[Voted, ...]

    @property
    def epsilon(self) -> float:
        """The ε that was asked for."""
        epsilon = self.seeds[0].record.cell.epsilon
        return math.inf if epsilon is None else epsilon

    @property
    def noise(self) -> Noise | None:
        """The noise that other accounting would have needed; None where that is not known."""
        first, promise = self.seeds[0], self.seeds[0].record.guarantee
        if not first.plain or promise is None or promise.delta is None:
            return None
        return Noise.at(self.epsilon, promise.delta, first.queries)


@dataclass(frozen=True)
class VotesOf:
    """What the records of one folder say of votes: each cell of PATE, and all rows beside them."""

    suite: str
    cells: tuple[VoteCell, ...]
    beside: tuple[Repeated, ...]


def read_votes(
    folder: Path, data: Path | None = None, target: str | None = None, *, seeds: bool = False
) -> VotesOf:
    """Return what a folder of records says of votes; with `seeds` a row for each seed.

    Those of one `target`, or of all. With `data`, where folders of real speech lie, labels are
    compared with what was said.

    Raises:
        OverheardError: it holds no records of PATE, or the speech is not there.
    """
    records = [
        record
        for record in sorted(read_records(folder), key=place)
        if target in (None, record.cell.target)
    ]
    mine = [r for r in records if r.status in ("ok", "falsified") and r.notes.keys() >= NOTES]
    if not mine:
        of = "" if target is None else f" of {target}"
        raise OverheardError(f"{folder}: holds no row{of} that says how teachers voted")
    kept = {record.cell.id: kept_votes(folder, record) for record in mine}
    known = any(isinstance(votes, KeptVotes) for votes in kept.values())
    labels = _labels(mine, kept, data) if data and known else {}
    voted = {
        name: Voted(record, kept[name], labels.get(name, NO_SPEECH if known else NOT_KEPT))
        for record in mine
        for name in [record.cell.id]
    }
    grouped = each_seed if seeds else over_seeds
    beside = tuple(grouped(records))
    cells = [_cell(one, beside, [voted[r.cell.id] for r in one.records]) for one in grouped(mine)]
    return VotesOf(suite_of(mine[0].cell), tuple(cells), beside)


def _labels(
    records: Sequence[Record], kept: Mapping[str, KeptVotes | str], data: Path
) -> dict[str, LabelErrors | str]:
    # Here, because it imports torch, which a folder without votes does not need.
    from leaderboard.votes.labels import label_errors, said_in_public

    said = said_in_public(records[0].cell.conditions, data)
    found: dict[str, LabelErrors | str] = {}
    for record in records:
        votes = kept[record.cell.id]
        found[record.cell.id] = (
            votes if isinstance(votes, str) else label_errors(record, votes, said)
        )
    return found


def _cell(cell: Repeated, beside: Sequence[Repeated], seeds: Sequence[Voted]) -> VoteCell:
    first, whole = seeds[0], row_of(cell)
    needed = lead_needed(first.deviation, first.laplace)
    answers = first.record.notes.get("answers", first.queries)
    row: Row = {key: whole[key] for key in ("suite", "target", "scheme", "seed", SEEDS)}
    row |= {key: whole[key] for key in ("epsilon", "delta", "wer")}
    row |= {
        "teachers": first.teachers,
        "queries": first.queries,
        "answers": answers,
        "noise": first.deviation,
        "lead_needed": needed,
        "agreement": _mean(seeds, lambda votes: votes.shares),
        "lead": _mean(seeds, lambda votes: votes.leads),
        "decided": _mean(seeds, lambda votes: votes.leads >= needed),
        "wer_labels": _wrong(seeds, lambda labels: labels.voted),
        "wer_unvoted": _wrong(seeds, lambda labels: labels.unvoted),
        "wer_listed": _wrong(seeds, lambda labels: labels.listed),
    }
    for scheme in RIVALS:
        rival = rival_of(cell, beside, scheme)
        row[f"wer_{scheme}"] = rival.wer() if isinstance(rival, Repeated) else rival
        if scheme in COMPARED:
            row[f"wer_less_{scheme}"] = _less(cell, rival)
    theirs = row[f"wer_{DP_SGD}"]
    row["of_edpsgd"] = row["wer"].value / theirs.value if theirs.scored and theirs.value else None
    made = VoteCell(row, tuple(seeds))
    return VoteCell(row | _prices(made), tuple(seeds))


def rival_of(cell: Repeated, beside: Iterable[Repeated], scheme: str) -> Repeated | Estimate:
    """Return the rows of a scheme that a cell is compared with; or why there are none.

    They have its target, conditions and seeds, and its ε if they have one. Of several it is the
    first.
    """
    own, seeds = cell.first.cell, set(cell.seeds)
    for other in beside:
        theirs = other.first.cell
        rows = tuple(r for r in other.measured if r.cell.seed in seeds)
        same = (theirs.scheme, theirs.target, theirs.conditions.digest) == (
            scheme,
            own.target,
            own.conditions.digest,
        )
        if same and theirs.epsilon in (None, own.epsilon) and rows:
            return Repeated(rows)
    return Estimate.unscored(f"no row {scheme} of its target, conditions, seeds and ε beside it")


def _less(cell: Repeated, rival: Repeated | Estimate) -> Estimate:
    if isinstance(rival, Estimate):
        return rival
    theirs = {record.cell.seed: record for record in rival.records}
    rows = [record for record in cell.measured if record.cell.seed in theirs]
    return wer_difference(rows, [theirs[record.cell.seed] for record in rows])


def _mean(seeds: Sequence[Voted], of: Callable[[KeptVotes], object]) -> Estimate:
    known = [np.asarray(of(one.kept)) for one in seeds if isinstance(one.kept, KeptVotes)]
    if not known:
        return Estimate.unscored(str(seeds[0].kept))
    value = float(np.concatenate(known).mean())
    return Estimate(value, NAN, NAN, NAN, f"mean of all queries of {len(known)} seeds")


def _wrong(seeds: Sequence[Voted], of: Callable[[LabelErrors], Errors]) -> Estimate:
    known = [of(one.labels) for one in seeds if isinstance(one.labels, LabelErrors)]
    if not known:
        return Estimate.unscored(str(seeds[0].labels))
    wrong, words = np.concatenate(known).sum(axis=0)
    return Estimate(float(wrong / words), NAN, NAN, NAN, f"all answers of {len(known)} seeds")


def _prices(cell: VoteCell) -> Row:
    noise, first = cell.noise, cell.seeds[0]
    row: Row = {f"noise_{name}": None for name in ("alone", "added", "renyi")}
    if noise is not None:
        row = {name: getattr(noise, name.removeprefix("noise_")) for name in row}
    found: WinnersAlone | Estimate
    if isinstance(first.kept, str):
        found = Estimate.unscored(first.kept)
    elif not first.plain:
        found = Estimate.unscored("for answers with Gaussian noise to every query alone")
    else:
        promise = first.record.guarantee
        assert promise is not None
        assert promise.delta is not None
        rng = Randomness(first.record.cell.seed).child("released price of votes")
        found = winners_alone(first.kept.table, first.deviation, promise.delta, rng)
    for key, name in (("epsilon_winners", "private"), ("epsilon_released", "released")):
        if isinstance(found, Estimate):
            row[key] = found
        else:
            row[key] = Estimate(getattr(found, name), NAN, NAN, NAN, "of the first seed's votes")
    return row
