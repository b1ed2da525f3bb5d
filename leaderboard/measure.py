"""From findings and coins to the figures of a record."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from attacks.audit import audited_epsilon
from attacks.base import Findings
from attacks.evidence import Noise, Trials, Unit
from attacks.means import mean, mean_difference
from attacks.ranking import auc, balanced_accuracy, tpr_at_fpr
from leaderboard.game import repetitions
from targets.estimate import Estimate
from targets.randomness import Randomness

UNIT: Unit = "utterance"
AUDITED_WITH = ("membership", "membership-calibrated")  # fixed beforehand: they share the level


def leakage(findings: Findings, coins: Mapping[str, bool], rng: Randomness) -> dict[str, Estimate]:
    """Return the figures of one attack: how well it ranks, and its field's own quantities.

    Each of those is given as its mean over members (by its own name), over held-out candidates
    (`..._held_out`), and as the difference of the two (`..._difference`).
    """
    heads = _heads(findings, coins)
    if heads.all() or not heads.any():
        nothing = Estimate.unscored("all its candidates fell on one side of the coin")
        return {"auc": nothing}
    trials = _trials(findings, heads)
    figures = {
        "auc": auc(trials, rng=rng.child("auc").numpy()),
        "tpr_at_1pct_fpr": tpr_at_fpr(trials, 0.01, rng=rng.child("tpr").numpy()),
        "balanced_accuracy": balanced_accuracy(trials, rng=rng.child("accuracy").numpy()),
    }
    for name, values in findings.figures.items():
        known = np.isfinite(values)
        inside, outside = values[heads & known], values[~heads & known]
        ceiling = findings.ceilings.get(name)
        figures[name] = mean(inside, ceiling=ceiling)
        figures[f"{name}_held_out"] = mean(outside, ceiling=ceiling)
        figures[f"{name}_difference"] = mean_difference(inside, outside)
    return figures


def audit(
    findings: Mapping[str, Findings], coins: Mapping[str, bool], delta: float, noise: Noise
) -> Estimate:
    """Return the audited lower bound on ε per utterance.

    Only candidates trained on at most once may speak: a canary said sixteen times has a sixteenfold
    guarantee.
    """
    trials = {}
    for name in AUDITED_WITH:
        if name in findings:
            heads = _heads(findings[name], coins)
            single = np.array([repetitions(c) == 1 for c in findings[name].candidates])
            if (heads & single).any() and (~heads & single).any():
                trials[name] = _trials(findings[name], heads, single)
    if not trials:
        return Estimate.unscored("no membership attack to audit with")
    return audited_epsilon(trials, delta=delta, guarantee_unit=UNIT, noise=noise)


def audit_alone(
    findings: Findings, coins: Mapping[str, bool], delta: float, noise: Noise, level: float
) -> Estimate:
    """Return the lower bound on ε per utterance that one attack proves, at a level of its own."""
    heads = _heads(findings, coins)
    single = np.array([repetitions(c) == 1 for c in findings.candidates])
    if not (heads & single).any() or not (~heads & single).any():
        return Estimate.unscored("all its candidates fell on one side of the coin")
    trials = _trials(findings, heads, single)
    return audited_epsilon(trials, delta=delta, level=level, guarantee_unit=UNIT, noise=noise)


def _heads(findings: Findings, coins: Mapping[str, bool]) -> NDArray[np.bool_]:
    return np.array([coins[c.id] for c in findings.candidates], dtype=bool)


def _trials(
    findings: Findings, heads: NDArray[np.bool_], kept: NDArray[np.bool_] | None = None
) -> Trials:
    kept = np.ones_like(heads) if kept is None else kept
    speakers = np.array([c.speaker for c in findings.candidates])
    inside, outside = heads & kept, ~heads & kept
    return Trials(
        findings.scores[inside],
        findings.scores[outside],
        UNIT,
        "one_run",
        speakers[inside],
        speakers[outside],
    )
