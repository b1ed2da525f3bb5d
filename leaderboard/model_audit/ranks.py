"""From scores and coins to evidence: how well an attack ranks, and what it proves about ε."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from attacks.statistics.audit import audited_epsilon
from attacks.statistics.evidence import Noise, Trials
from attacks.statistics.ranking import auc, tpr_at_fpr
from attacks.statistics.roc import roc
from leaderboard.planting.planted import Candidate, Planted
from leaderboard.records.model_audit import EVERYONE, UTTERANCES
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness

FEWEST_OF_COHORT = 20  # members, and held-out units, below which a cohort says nothing
COHORTS = ("gender", "accent")
CANARIES = "canaries"

Scores = dict[str, float | None]


@dataclass(frozen=True)
class Ranking:
    """How well one attack tells members of a group from those held out."""

    members: int
    held_out: int
    auc: Estimate
    tpr_at_1pct_fpr: Estimate
    tpr_at_01pct_fpr: Estimate
    curve: tuple[tuple[float, float], ...] = ()


def rankings(
    planted: Planted, candidates: Sequence[Candidate], scores: Scores, rng: Randomness
) -> dict[str, Ranking]:
    """Return how well an attack ranks each group: everyone, speech, canaries, and cohorts.

    Where the unit is the utterance, intervals resample whole speakers; where it is the speaker,
    each has one score, the mean over what they said. What was not answered is left out.
    """
    groups: dict[str, Callable[[Candidate], bool]] = {
        EVERYONE: lambda _: True,
        UTTERANCES: lambda c: c.kind == "utterance",
        CANARIES: lambda c: c.kind == "canary",
    }
    for attribute in COHORTS:
        for value in sorted({c.attributes.get(attribute, "") for c in candidates} - {""}):
            groups[f"utterances, {attribute} {value}"] = lambda c, a=attribute, v=value: (  # type: ignore[misc]
                c.kind == "utterance" and c.attributes.get(a) == v
            )
    found = {}
    for name, belongs in groups.items():
        group = [c for c in candidates if belongs(c) and scores[c.id] is not None]
        trials = _trials(planted, group, scores)
        least = FEWEST_OF_COHORT if "," in name else 1
        if trials is None or min(trials.n_in, trials.n_out) < least:
            continue
        found[name] = _ranking(trials, rng.child(name))
    return found


def audited(
    planted: Planted,
    candidates: Sequence[Candidate],
    scores: Scores,
    *,
    delta: float,
    noise: Noise,
    level: float,
    guesses: float | None = None,
) -> Estimate:
    """Return the lower bound on ε that the coins of single units prove.

    What was not answered has the median score: nothing is guessed of it that would help, and it
    keeps its place in the game. The ceiling is that of those who did answer. `guesses` is the share
    of the coins that is guessed on, where it was fixed beforehand.
    """
    single = [c for c in candidates if planted.is_single(c)]
    known = [c for c in single if scores[c.id] is not None]
    answered = _trials(planted, known, scores)
    if answered is None:
        return Estimate.unscored("all that was answered fell on one side of the coin")
    middle = float(np.median(np.concatenate([answered.in_scores, answered.out_scores])))
    filled: Scores = {c.id: s if (s := scores[c.id]) is not None else middle for c in single}
    # A speaker of whom anything was answered is scored by that.
    units = {c.unit for c in known}
    kept = [c for c in single if scores[c.id] is not None or c.unit not in units]
    everyone = _trials(planted, kept, filled)
    assert everyone is not None
    bound_of = partial(
        audited_epsilon,
        delta=delta,
        noise=noise,
        level=level,
        guarantee_unit=planted.unit,
        guesses=guesses,
    )
    bound, most = bound_of(everyone), bound_of(answered)
    if not most.scored:  # else the ceiling of the whole game would stand for what was answered
        return most
    ceilings = [c for c in (bound.ceiling, most.ceiling) if c is not None and not math.isnan(c)]
    return replace(bound, ceiling=min(ceilings, default=None))


def _ranking(trials: Trials, rng: Randomness) -> Ranking:
    rates = roc(trials.in_scores, trials.out_scores)
    return Ranking(
        trials.n_in,
        trials.n_out,
        auc(trials, rng=rng.child("auc").numpy()),
        tpr_at_fpr(trials, 0.01, rng=rng.child("tpr").numpy()),
        tpr_at_fpr(trials, 0.001, rng=rng.child("tpr at 0.1 %").numpy()),
        tuple(zip(rates[0].tolist(), rates[1].tolist(), strict=True)),
    )


def _trials(planted: Planted, group: Sequence[Candidate], scores: Scores) -> Trials | None:
    """Return the trials of candidates with scores; None where one side is empty."""
    if len({c.member for c in group}) < 2:
        return None
    sides = []
    for side in (True, False):
        of_units: dict[str, list[float]] = {}
        speakers: dict[str, str] = {}
        for c in group:
            value = scores[c.id]
            if c.member == side and value is not None:
                of_units.setdefault(c.unit, []).append(value)
                speakers[c.unit] = c.speaker
        means = np.array([np.mean(values) for values in of_units.values()])
        sides.append((means, np.array([speakers[unit] for unit in of_units])))
    (inside, in_speakers), (outside, out_speakers) = sides
    if planted.unit == "speaker":
        return Trials(inside, outside, planted.unit, planted.design)
    return Trials(inside, outside, planted.unit, planted.design, in_speakers, out_speakers)
