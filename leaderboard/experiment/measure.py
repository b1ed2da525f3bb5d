"""From findings and coins to the figures of a record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks.base import Findings, Scores
from attacks.canaries.canary import CANARY
from attacks.registry import ATTACKS
from attacks.statistics.audit import audited_epsilon, claim_p_value
from attacks.statistics.evidence import Noise, Trials
from attacks.statistics.guesses import Share
from attacks.statistics.means import mean, mean_difference
from attacks.statistics.ranking import auc, balanced_accuracy, tpr_at_fpr
from leaderboard.game.cohorts import ATTRIBUTES
from leaderboard.game.game import is_single
from leaderboard.records.record import FEWEST_CANDIDATES
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness
from targets.speech.utterance import Unit, unit_key

AUDITED_WITH = tuple(entry.name for entry in ATTACKS if entry.audits)


@dataclass(frozen=True)
class Chosen:
    """What audits, chosen before any score is seen: attacks, and how many guesses if fixed."""

    attacks: tuple[str, ...]
    guesses: Share | None = None


EVERY = Chosen(AUDITED_WITH)


def leakage(
    findings: Findings,
    coins: Mapping[str, bool],
    rng: Randomness,
    unit: Unit = "utterance",
) -> dict[str, Estimate]:
    """Return the figures of one attack: how well it ranks, and its field's own quantities.

    How well it ranks is given over all candidates (`auc`) and for each cohort with enough of them
    (`auc, gender female`). Its own quantities are given as their mean over members (by their own
    name), over held-out candidates (`..._held_out`), and as the difference of the two
    (`..._difference`). Where the `unit` is the speaker, a speaker is ranked by the mean of the
    scores of what they said.
    """
    heads = _heads(findings, coins)
    if not len(heads):
        reason = findings.reason or "the target has nothing that this attack looks at"
        return {"auc": Estimate.unscored(reason)}
    if heads.all() or not heads.any():
        nothing = Estimate.unscored("all its candidates fell on one side of the coin")
        return {"auc": nothing}
    everyone = _ranking(_trials(findings, heads, unit), rng)
    figures = everyone | {
        "tpr_at_0.1pct_fpr": tpr_at_fpr(
            _trials(findings, heads, unit), 0.001, rng=rng.child("tpr at 0.1 %").numpy()
        )
    }
    for cohort, kept in _cohorts(findings, heads, unit).items():
        of_cohort = _ranking(_trials(findings, heads, unit, kept), rng.child(cohort))
        figures |= {f"{name}, {cohort}": figure for name, figure in of_cohort.items()}
    for name, values in findings.figures.items():
        known = np.isfinite(values)
        inside, outside = (
            _per_unit(findings, values, side & known, unit) for side in (heads, ~heads)
        )
        ceiling = findings.ceilings.get(name)
        figures[name] = mean(inside, ceiling=ceiling)
        figures[f"{name}_held_out"] = mean(outside, ceiling=ceiling)
        figures[f"{name}_difference"] = mean_difference(inside, outside)
    return figures


def _ranking(trials: Trials, rng: Randomness) -> dict[str, Estimate]:
    return {
        "auc": auc(trials, rng=rng.child("auc").numpy()),
        "tpr_at_1pct_fpr": tpr_at_fpr(trials, 0.01, rng=rng.child("tpr").numpy()),
        "balanced_accuracy": balanced_accuracy(trials, rng=rng.child("accuracy").numpy()),
    }


def audit(
    findings: Mapping[str, Findings],
    coins: Mapping[str, bool],
    delta: float,
    noise: Noise,
    unit: Unit = "utterance",
    guarantee_unit: Unit = "utterance",
    planned: Collection[str] | None = None,
    chosen: Chosen = EVERY,
) -> Estimate:
    """Return the audited lower bound on the ε of a `unit`; refused if the guarantee's is another.

    Only candidates may speak whose coin changes the training data by exactly one unit. Of the
    `planned` attacks (those with findings, if not given) those that are `chosen` share the level,
    also where one of them failed.
    """
    trials, tried = _evidence(findings, coins, unit, planned, chosen)
    if not trials:
        return Estimate.unscored("no membership attack to audit with")
    return audited_epsilon(
        trials,
        delta=delta,
        guarantee_unit=guarantee_unit,
        noise=noise,
        tried=tried,
        guesses=chosen.guesses,
    )


def p_value(
    claimed: float,
    findings: Mapping[str, Findings],
    coins: Mapping[str, bool],
    delta: float,
    noise: Noise,
    unit: Unit = "utterance",
    guarantee_unit: Unit = "utterance",
    planned: Collection[str] | None = None,
    chosen: Chosen = EVERY,
) -> float:
    """Return the least error at which `audit` of the same would still exceed the `claimed` ε."""
    trials, tried = _evidence(findings, coins, unit, planned, chosen)
    return claim_p_value(
        trials,
        claimed,
        delta=delta,
        guarantee_unit=guarantee_unit,
        noise=noise,
        tried=tried,
        guesses=chosen.guesses,
    )


def _evidence(
    findings: Mapping[str, Findings],
    coins: Mapping[str, bool],
    unit: Unit,
    planned: Collection[str] | None,
    chosen: Chosen,
) -> tuple[dict[str, Trials], int]:
    """Return the trials of the attacks that audit, and how many of them were planned."""
    tried = len(set(chosen.attacks) & set(findings if planned is None else planned))
    return {
        name: found
        for name in chosen.attacks
        if name in findings and (found := _single(findings[name], coins, unit)) is not None
    }, tried


def audit_alone(
    findings: Findings,
    coins: Mapping[str, bool],
    delta: float,
    noise: Noise,
    level: float,
    unit: Unit = "utterance",
    guarantee_unit: Unit = "utterance",
) -> Estimate:
    """Return the lower bound on the ε of a `unit` that one attack proves at a level of its own."""
    trials = _single(findings, coins, unit)
    if trials is None:
        return Estimate.unscored("all its candidates fell on one side of the coin")
    return audited_epsilon(
        trials, delta=delta, level=level, guarantee_unit=guarantee_unit, noise=noise
    )


def _single(findings: Findings, coins: Mapping[str, bool], unit: Unit) -> Trials | None:
    """Return those who may speak in an audit, None where they are all on one side of the coin."""
    heads = _heads(findings, coins)
    single = np.array([is_single(c, unit) for c in findings.candidates], dtype=bool)
    if not (heads & single).any() or not (~heads & single).any():
        return None
    return _trials(findings, heads, unit, single)


def _heads(findings: Findings, coins: Mapping[str, bool]) -> NDArray[np.bool_]:
    return np.array([coins[c.id] for c in findings.candidates], dtype=bool)


def _cohorts(
    findings: Findings, heads: NDArray[np.bool_], unit: Unit
) -> dict[str, NDArray[np.bool_]]:
    """Return which candidates (N,) belong to each cohort that has enough on both sides.

    Canaries belong to none: they are no ordinary utterances.
    """
    cohorts = {}
    ordinary = np.array([CANARY not in c.attributes for c in findings.candidates], dtype=bool)
    for attribute in ATTRIBUTES:
        values = np.array([c.attributes.get(attribute, "") for c in findings.candidates])
        for value in sorted(set(values.tolist()) - {""}):
            kept = (values == value) & ordinary
            sizes = [_units(findings, side & kept, unit) for side in (heads, ~heads)]
            if min(sizes) >= FEWEST_CANDIDATES:
                cohorts[f"{attribute} {value}"] = kept
    return cohorts


def _units(findings: Findings, chosen: NDArray[np.bool_], unit: Unit) -> int:
    chosen_of = zip(findings.candidates, chosen, strict=True)
    return len({unit_key(c, unit) for c, is_chosen in chosen_of if is_chosen})


def _trials(
    findings: Findings,
    heads: NDArray[np.bool_],
    unit: Unit,
    kept: NDArray[np.bool_] | None = None,
) -> Trials:
    kept = np.ones_like(heads) if kept is None else kept
    speakers = np.array([c.speaker for c in findings.candidates])
    inside, outside = heads & kept, ~heads & kept
    if unit != "utterance":
        return Trials(
            _per_unit(findings, findings.scores, inside, unit),
            _per_unit(findings, findings.scores, outside, unit),
            unit,
            "one_run",
        )
    return Trials(
        findings.scores[inside],
        findings.scores[outside],
        unit,
        "one_run",
        speakers[inside],
        speakers[outside],
    )


def _per_unit(findings: Findings, values: Scores, chosen: NDArray[np.bool_], unit: Unit) -> Scores:
    """Return the chosen values, one for each unit: independent of each other, as intervals need.

    Of a unit that holds several utterances it is their mean.
    """
    if unit == "utterance":
        return values[chosen]
    units = np.array([unit_key(c, unit) for c in findings.candidates])
    _, index = np.unique(units[chosen], return_inverse=True)
    return np.bincount(index, values[chosen]) / np.bincount(index)
