"""Where an entry stands among the others: the Pareto fronts, and those nearest to it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from leaderboard.figures.paired import (
    CONTROLS,
    Beside,
    rival_of,
    unit_of,
    wer_difference,
    wer_less,
)
from leaderboard.figures.seeds import over_seeds
from leaderboard.records.attack_result import AttackResult
from leaderboard.records.board import statuses
from leaderboard.records.mechanism_audit import MechanismAudit
from leaderboard.records.record import Record
from leaderboard.records.strongest import strongest
from leaderboard.views.table import compact
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit

NEAREST = 3
DECADE = 10.0  # above the largest promise is where entries without one are placed


@dataclass(frozen=True)
class Place:
    """An entry as a point: word error rate, leakage, ε (infinite without a promise).

    `unit` is what ε is for, None without a promise, or where ε is 0.
    """

    id: str
    target: str
    seed: int
    wer: float
    leakage: float
    epsilon: float
    unit: Unit | None = "utterance"

    def describe(self) -> str:
        """Return its coordinates in words."""
        promise = "no ε" if math.isinf(self.epsilon) else f"ε {self.epsilon:.3g}"
        if self.unit == "speaker":
            promise += " for a speaker"
        return f"{self.id} (WER {100 * self.wer:.1f} %, AUC {self.leakage:.2f}, {promise})"


def places(records: Sequence[Record], found: Sequence[AttackResult] = ()) -> list[Place]:
    """Return the entries that have a word error rate and a membership AUC."""
    points = []
    for record in records:
        leakage = strongest(record, found)["strongest_auc"]
        if record.wer.scored and leakage.scored:
            epsilon = math.inf if record.promised is None else record.promised
            cell = record.cell
            at = record.wer.value, leakage.value, epsilon
            points.append(Place(cell.id, cell.target, cell.seed, *at, unit_of(record)))
    return points


def beaten_by(place: Place, others: Sequence[Place], axis: str) -> list[Place]:
    """Return who is at least as good in WER and in `axis` (lower is better), better in one.

    Of the same target and seed: others say the same once more. Of ε, for no smaller unit.
    """

    def point(p: Place) -> tuple[float, float]:
        return p.wer, getattr(p, axis)

    mine = point(place)
    return [
        other
        for other in others
        if _comparable(other, place)
        and (axis != "epsilon" or _one_unit(other, place) or other.unit == "speaker")
        and point(other) != mine
        and all(theirs <= own for theirs, own in zip(point(other), mine, strict=True))
    ]


def nearest(place: Place, others: Sequence[Place], count: int = NEAREST) -> list[Place]:
    """Return the entries of the same target, seed and unit nearest in WER, AUC and log ε.

    Each axis is measured in its own range among them; no promise counts as ten times the largest.
    """
    pool = [p for p in others if _comparable(p, place) and _one_unit(p, place)]
    promised = [p.epsilon for p in [*pool, place] if 0 < p.epsilon < math.inf]
    most = DECADE * max(promised, default=1.0)
    least = min(promised, default=1.0)

    def point(p: Place) -> tuple[float, float, float]:
        return p.wer, p.leakage, math.log(min(max(p.epsilon, least), most))

    axes = list(zip(*(point(p) for p in [*pool, place]), strict=True))
    ranges = [(max(axis) - min(axis)) or 1.0 for axis in axes]
    mine = point(place)

    def distance(p: Place) -> float:
        return math.hypot(
            *((a - b) / width for a, b, width in zip(point(p), mine, ranges, strict=True))
        )

    return sorted((p for p in pool if p.id != place.id), key=distance)[:count]


def _comparable(one: Place, other: Place) -> bool:
    return (one.target, one.seed) == (other.target, other.seed)


def _one_unit(one: Place, other: Place) -> bool:
    return None in (one.unit, other.unit) or one.unit == other.unit


def standing(
    records: Sequence[Record],
    own: Collection[str],
    found: Sequence[AttackResult] = (),
    audits: Sequence[MechanismAudit] = (),
) -> list[str]:
    """Return in lines where the entries with the ids `own` stand."""
    every = places(records, found)
    by_id = {place.id: place for place in every}
    judged, beside = statuses(records, found, audits), Beside.of(records)
    lines: list[str] = []
    for record, status in zip(records, judged, strict=True):
        if record.cell.id not in own:
            continue
        if record.cell.id not in by_id:
            lines += [f"{record.cell.id}: {status}: {record.reason}"]
            continue
        place = by_id[record.cell.id]
        lines += [
            f"{place.describe()}, {status}",
            f"  audited ε {compact(record.audited_epsilon)}",
            *_beside_controls([record], beside),
            *_beside_rival(record, records),
        ]
        for axis, title in (("epsilon", "WER against ε"), ("leakage", "WER against AUC")):
            better = beaten_by(place, every, axis)
            lines += [
                f"  {title}: on the Pareto front"
                if not better
                else f"  {title}: behind {better[0].describe()}"
                + (f" and {len(better) - 1} more" if len(better) > 1 else "")
            ]
        lines += [f"  near: {other.describe()}" for other in nearest(place, every)]
    for cell in over_seeds(r for r in records if r.cell.id in own):
        if len(cell.measured) > 1:
            who = cell.first.cell
            promise = "" if who.epsilon is None else f", ε {who.epsilon:g}"
            wer = compact(cell.wer(), percent=True)
            lines += [
                f"{who.target} {who.label}{promise}, {len(cell.measured)} seeds: WER {wer} %",
                *_beside_controls(cell.measured, beside),
            ]
    return lines


def _beside_controls(rows: Sequence[Record], beside: Beside) -> list[str]:
    """Return the word error rate less that without private speech, in percentage points."""
    return [_less(control, wer_less(rows, beside, control)) for control in CONTROLS]


def _beside_rival(record: Record, records: Sequence[Record]) -> list[str]:
    """Return the word error rate less that of the best other row that promises as much."""
    rival = rival_of(record, records)
    if rival is None:
        return []
    less = wer_difference([record], [rival])
    who = f"{rival.cell.label} (the best other that promises as much)"
    tie = ": no difference is shown" if less.scored and less.low <= 0 <= less.high else ""
    return [_less(who, less) + tie]


def _less(other: str, less: Estimate) -> str:
    shown = compact(less, percent=True)
    more = " points" if less.scored else f" ({less.method.removeprefix('unscored: ')})"
    return f"  WER less {other}: {shown}{more}"
