"""Differences between two rows that share target, seed, test speech and coins.

What both find hard cancels out, so that a difference shows where two intervals overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leaderboard.figures.headline import (
    CANARY,
    LEVEL,
    ONCE,
    exposures,
    repetitions,
)
from leaderboard.figures.intervals import mean_over_seeds, rate_difference, student
from leaderboard.figures.ranks import auc_difference
from leaderboard.records.record import Record
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit

CONTROLS = ("public", "start")  # schemes that touch nothing private: every row is read beside them
AUC_LESS = f"auc_less_{CONTROLS[0]}"
EXPOSURE_LESS = f"exposure_less_{CONTROLS[0]}"
OTHER_COINS = "its coins are not those of the control"
AS_MUCH = 1.05  # times an ε, up to which another promises as much: noise is found by search
NO_ERRORS = "the record is from before errors were kept for each utterance"

Counts = NDArray[np.float64]
Key = tuple[str, str, int, str]  # of a row: scheme, target, seed, digest of its conditions


def counts_of(records: Sequence[Record]) -> Counts | None:
    """Return word errors and words (S, K, 2) of each seed and test speaker.

    None where a record does not tell, or where their test speech differs.
    """
    if not records or not all(record.word_errors for record in records):
        return None
    heard = {record.corpora.get("test", "") for record in records}
    speakers = sorted(records[0].word_errors)
    if len(heard) > 1 or any(sorted(r.word_errors) != speakers for r in records):
        return None
    return np.array(
        [
            [np.sum(list(record.word_errors[name].values()), axis=0) for name in speakers]
            for record in records
        ],
        dtype=float,
    )


@dataclass(frozen=True)
class Beside:
    """The rows that others are compared with: each finds its control without looking at all."""

    records: tuple[Record, ...]

    @classmethod
    def of(cls, records: Iterable[Record]) -> Beside:
        """Return some rows, to compare with."""
        return cls(tuple(records))

    @cached_property
    def _controls(self) -> dict[Key, Record]:
        found: dict[Key, Record] = {}
        for record in sorted(self.records, key=lambda r: r.cell.label):
            if record.status in ("ok", "falsified"):
                found.setdefault(_key(record, record.cell.scheme), record)
        return found

    @cached_property
    def _schemes(self) -> set[tuple[str, str]]:
        return {(record.cell.scheme, record.cell.target) for record in self.records}

    def control_of(self, record: Record, scheme: str) -> Record | Estimate:
        """Return the row of a control with the same target, seed and conditions; or why not.

        Of several under that scheme it is the first by its label.
        """
        if record.cell.scheme == scheme:
            return Estimate.unscored("it is this control itself")
        if (scheme, record.cell.target) not in self._schemes:
            return Estimate.unscored(f"no row {scheme} beside it")
        nothing = Estimate.unscored(f"no row {scheme} with its seed")
        return self._controls.get(_key(record, scheme), nothing)


def _key(record: Record, scheme: str) -> Key:
    cell = record.cell
    return scheme, cell.target, cell.seed, cell.conditions.digest


def rival_of(record: Record, records: Sequence[Record]) -> Record | None:
    """Return the best other row that promises as much, for the same target, seed and conditions.

    Of the private schemes whose ε is no larger (`AS_MUCH`), and for no smaller unit, it is the one
    with the lowest word error rate.
    """
    own = record.promised
    if own is None:
        return None
    rivals = [
        other
        for other in records
        if other.cell.id != record.cell.id
        and (other.cell.target, other.cell.seed) == (record.cell.target, record.cell.seed)
        and other.cell.conditions.digest == record.cell.conditions.digest
        and other.status == "ok"
        and other.wer.scored
        and 0 < (other.promised or 0) <= AS_MUCH * own
        and unit_of(other) in (unit_of(record), "speaker")
    ]
    return min(rivals, key=lambda other: other.wer.value, default=None)


def unit_of(record: Record) -> Unit | None:
    """Return what a row's ε is for, None where nothing is promised or nothing private is used."""
    promise = record.guarantee
    return promise.unit if promise is not None and promise.promised else None


def wer_less(rows: Sequence[Record], beside: Beside, control: str) -> Estimate:
    """Return the word error rate of a cell's rows, one a seed, less that of a control's.

    Seed by seed and speaker by speaker on the same utterances, with a bootstrap interval over both.
    """
    pairs = [(row, beside.control_of(row, control)) for row in rows]
    found = [(row, other) for row, other in pairs if isinstance(other, Record)]
    if not found:
        return next(why for _, why in pairs if isinstance(why, Estimate))
    return wer_difference([row for row, _ in found], [other for _, other in found])


def wer_difference(rows: Sequence[Record], others: Sequence[Record]) -> Estimate:
    """Return the word error rate of rows less that of others, seed by seed the same."""
    one, other = counts_of(rows), counts_of(others)
    if one is None or other is None:
        return Estimate.unscored(NO_ERRORS)
    words = [
        {(speaker, u): n for speaker, said in r.word_errors.items() for u, (_, n) in said.items()}
        for r in (*rows, *others)
    ]
    if one.shape != other.shape or any(each != words[0] for each in words):
        return Estimate.unscored("its test speech is other speech than the control's")
    return rate_difference(one, other)


def leakage_less(
    rows: Sequence[Record],
    beside: Beside,
    control: str,
    attack: str,
    level: float = LEVEL,
) -> Estimate:
    """Return the figure of an attack less the control's on the same coins.

    The mean over seeds of differences that are paired candidate by candidate: of AUCs, or of the
    exposure of secrets said once.
    """
    controls = [beside.control_of(row, control) for row in rows]
    pairs = zip(rows, controls, strict=True)
    return mean_over_seeds([leakage_difference(row, c, attack, level) for row, c in pairs])


def leakage_difference(
    row: Record, control: Record | Estimate, attack: str, level: float = LEVEL
) -> Estimate:
    """Return the figure that stands for an attack less another row's, paired; or why there is none.

    That of exposure is of secrets said once, that of all others the AUC.
    """
    if isinstance(control, Estimate):
        return control
    if attack == CANARY and repetitions(row) and repetitions(control):
        return exposure_difference(row, control)
    return auc_less(row, control, attack, level)


def every_difference(row: Record, beside: Beside) -> dict[str, dict[str, Estimate]]:
    """Return for each attack of a row what it finds more than on `public`, where both are known."""
    control = beside.control_of(row, CONTROLS[0])
    if isinstance(control, Estimate):
        return {}
    found = {attack: {AUC_LESS: auc_less(row, control, attack)} for attack in row.scores}
    if repetitions(row) and repetitions(control):
        found[CANARY][EXPOSURE_LESS] = exposure_difference(row, control)
    return {
        attack: kept
        for attack, figures in found.items()
        if (kept := {name: less for name, less in figures.items() if less.scored})
    }


def auc_less(row: Record, control: Record, attack: str, level: float = LEVEL) -> Estimate:
    """Return the AUC of an attack on one row less that on another, of the same candidates.

    Where a speaker has one coin, a speaker's candidates are one: ranked by their mean score.
    """
    if row.coins != control.coins:
        return Estimate.unscored(OTHER_COINS)
    one, other = row.scores.get(attack, {}), control.scores.get(attack, {})
    shared = [candidate for candidate in one if candidate in other]
    if not shared:
        return Estimate.unscored("the two have no scores of this attack in common")
    speaker = {candidate: name for name, said in row.speakers.items() for candidate in said}
    # Numbered in the order of their names. `np.unique` does so too, and takes five times as long.
    names = [speaker.get(c, c) for c in shared]
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    clusters = np.array([numbers[name] for name in names])
    members = np.array([row.coins[c] for c in shared], dtype=bool)
    scores = [np.array([found[c] for c in shared]) for found in (one, other)]
    if row.cell.conditions.unit == "speaker":
        if not speaker:
            return Estimate.unscored("the record is from before it was kept who spoke")
        sizes = np.bincount(clusters)
        scores = [np.bincount(clusters, each) / sizes for each in scores]
        members = np.bincount(clusters, members) > 0
        clusters = np.arange(len(sizes))
    if members.all() or not members.any():
        return Estimate.unscored("all its candidates fell on one side of the coin")
    return auc_difference(scores[0], scores[1], members, clusters, level)


def exposure_difference(row: Record, control: Record) -> Estimate:
    """Return how much more the trained-on secrets are exposed: those said once, where some are."""
    if row.coins != control.coins:
        return Estimate.unscored(OTHER_COINS)
    kinds = set(repetitions(row))
    often = ONCE if ONCE in kinds else min(kinds, default=ONCE)
    one, other = exposures(row, often), exposures(control, often)
    less = np.array([bits - other[name] for name, bits in one.items() if name in other])
    if len(less) < 2:
        return Estimate.unscored(f"{len(less)} trained-on secrets: two are needed")
    value = float(less.mean())
    half = student(len(less) - 1, LEVEL) * float(less.std(ddof=1)) / len(less) ** 0.5
    method = f"paired over {len(less)} secrets, Student's t"
    return Estimate(value, value - half, value + half, LEVEL, method)
