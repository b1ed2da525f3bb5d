"""The figure that stands for an attack in a table: of one record, never of a hope."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from attacks.registry import ATTACKS
from leaderboard.figures.intervals import student, widened
from leaderboard.records.record import Record
from targets.core.estimate import Estimate

# The attacks that have a column, and the figure that stands for each there.
SHOWN = {entry.name: entry.column for entry in ATTACKS if entry.column}
HEADLINE = {name: ATTACKS[name].figure for name in SHOWN}

MEMBERSHIP = "membership"  # the column of the largest AUC of all membership attacks of a suite
PLAIN = "loss"  # what the attack of that name is called beside the others
CANARY = "canary"  # the column of exposure
LEVEL = 0.95
ONCE = 1


def headline(record: Record, attack: str) -> Estimate:
    """Return the figure that stands for an attack; unscored, with the reason, without one.

    For membership it is the largest AUC of the suite's membership attacks, and for exposure that
    of secrets said once.
    """
    if attack == MEMBERSHIP and (aucs := membership(record)):
        return largest(aucs)
    figures = record.leakages.get(attack, {})
    if HEADLINE[attack] not in figures:
        if record.status in ("failed", "disqualified"):
            return Estimate.unscored(f"{record.status}: {record.reason}")
        return Estimate.unscored("the suite has no such attack")
    if attack == CANARY and set(repetitions(record)) - {ONCE}:
        return exposure(record, ONCE)
    return figures[HEADLINE[attack]]


def membership(record: Record) -> dict[str, Estimate]:
    """Return the AUC of each membership attack of a record's suite, those that failed too."""
    return {
        name: figures["auc"]
        for name, figures in record.leakages.items()
        if name in ATTACKS and ATTACKS[name].family == "membership" and "auc" in figures
    }


def largest(aucs: Mapping[str, Estimate]) -> Estimate:
    """Return the largest of some AUCs, its interval widened for all that were tried.

    The list is fixed beforehand, by the suite. An attack that failed counts as tried.
    """
    name = strongest(aucs)
    if len(aucs) == 1 or name is None:
        return next(iter(aucs.values()))
    best = widened(aucs[name], len(aucs))
    method = f"{best.method} ({name}, largest of {len(aucs)}, interval widened for as many)"
    return Estimate(best.value, best.low, best.high, aucs[name].level, method, best.ceiling)


def strongest(aucs: Mapping[str, Estimate]) -> str | None:
    """Return the name of the largest AUC, None where none is scored."""
    scored = [name for name, estimate in aucs.items() if estimate.scored]
    return max(scored, key=lambda name: aucs[name].value, default=None)


def short_name(attack: str) -> str:
    """Return what a membership attack is called beside a figure."""
    return PLAIN if attack == MEMBERSHIP else attack.removeprefix(f"{MEMBERSHIP}-")


def repetitions(record: Record) -> dict[int, list[str]]:
    """Return the canaries of a record by how often each is said in an epoch.

    None where their scores are not their exposures in bits: where what is ranked is heard.
    """
    found: dict[int, list[str]] = {}
    whole = record.leakages.get(CANARY, {}).get(HEADLINE[CANARY])
    scores = record.scores.get(CANARY, {})
    bits = [score for name, score in scores.items() if record.coins.get(name)]
    if whole is None or not bits or not math.isclose(whole.value, sum(bits) / len(bits)):
        return found
    for canary, often in _said(record).items():
        found.setdefault(often, []).append(canary)
    return dict(sorted(found.items()))


def _said(record: Record) -> Mapping[str, int]:
    canaries = list(record.scores.get(CANARY, {}))
    if record.speakers:
        return {name: record.repetitions.get(name, ONCE) for name in canaries}
    # Records from before it was kept: kinds are dealt out in turn, and repetitions turn fastest.
    turns = record.cell.conditions.canaries.repetitions
    numbers = {name: name.rpartition("-")[2] for name in canaries}
    return {n: turns[int(k) % len(turns)] if k.isdigit() else ONCE for n, k in numbers.items()}


def exposures(record: Record, often: int) -> dict[str, float]:
    """Return the exposure in bits of each trained-on canary that is said so often."""
    scores = record.scores.get(CANARY, {})
    said = repetitions(record).get(often, ())
    return {name: scores[name] for name in said if record.coins.get(name)}


def exposure(record: Record, often: int) -> Estimate:
    """Return the mean exposure of the trained-on canaries that are said so often, Student's t."""
    said = "once" if often == ONCE else f"{often} times"
    bits = np.array(list(exposures(record, often).values()))
    if len(bits) < 2:
        return Estimate.unscored(f"{len(bits)} trained-on secrets are said {said}: two are needed")
    whole = record.leakages[CANARY][HEADLINE[CANARY]]
    value = float(bits.mean())
    half = student(len(bits) - 1, LEVEL) * float(bits.std(ddof=1)) / len(bits) ** 0.5
    method = f"Student's t, n={len(bits)} secrets said {said}"
    low, high = max(0.0, value - half), min(whole.ceiling or math.inf, value + half)
    return Estimate(value, low, high, LEVEL, method, whole.ceiling)
