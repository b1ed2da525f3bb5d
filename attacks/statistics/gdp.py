"""Gaussian trade-off curves: from μ to (ε, δ) and back, and a lower bound on μ.

Source: Dong, Roth and Su (2019), "Gaussian Differential Privacy". A mechanism is μ-GDP if telling
two neighbouring datasets apart is no easier than telling N(0, 1) from N(μ, 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr, ndtri

from attacks.statistics import pairs
from attacks.statistics.clopper_pearson import Limits, anchored_limits, perfect_limits
from attacks.statistics.evidence import Design, Noise, Trials, check_delta, check_level, refusal
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit


def delta_from_mu(mu: float, epsilon: float) -> float:
    """Return the smallest δ for which a μ-GDP mechanism is (ε, δ)-DP."""
    if mu <= 0.0:
        return 0.0
    # In logarithms: e^ε overflows long before the product does.
    far = math.exp(epsilon + float(log_ndtr(-epsilon / mu - mu / 2)))
    return max(0.0, float(ndtr(-epsilon / mu + mu / 2)) - far)


@lru_cache(maxsize=100_000)
def epsilon_from_mu(mu: float, delta: float) -> float:
    """Return the smallest ε for which a μ-GDP mechanism is (ε, δ)-DP; inf for δ = 0."""
    if delta_from_mu(mu, 0.0) <= delta:
        return 0.0
    if delta == 0.0:
        return math.inf
    high = 1.0
    while delta_from_mu(mu, high) > delta:
        high *= 2.0
    return float(brentq(lambda epsilon: delta_from_mu(mu, epsilon) - delta, 0.0, high))


@lru_cache(maxsize=1_000)
def mu_from_epsilon(epsilon: float, delta: float) -> float:
    """Return the largest μ for which a μ-GDP mechanism is (ε, δ)-DP; 0 for δ = 0."""
    if delta == 0.0:
        return 0.0
    high = 1.0
    while delta_from_mu(high, epsilon) < delta:
        high *= 2.0
    return float(brentq(lambda mu: delta_from_mu(mu, epsilon) - delta, 0.0, high))


def mu_from_limits(limits: Limits) -> float:
    """Return the largest μ that upper limits on both error rates refute, never below 0.

    The difference keeps its sign: an attack that does worse than guessing refutes nothing. Its
    absolute value, which jax-privacy 2.0.0 takes, is not a lower bound of anything.
    """
    signed = ndtri(1.0 - limits.false_positive) - ndtri(limits.false_negative)
    return max(0.0, float(np.max(signed)))


@dataclass(frozen=True)
class ProvenMu:
    """The μ that trials prove, the most that perfect scores could have, and by what method."""

    value: float
    ceiling: float
    method: str
    corrected: str


def gaussian_bound(
    trials: Trials,
    prove: Callable[[Trials, float], ProvenMu],
    *,
    design: Design,
    delta: float,
    level: float,
    guarantee_unit: Unit,
    noise: Noise,
) -> Estimate:
    """Return the lower bound on ε(δ) that follows from a lower bound on μ.

    Refused where the trade-off curve is not known to be Gaussian, or the design is not `design`.

    Args:
        trials: scores of members and of others.
        prove: the lower bound on μ from trials, at an error rate.
        design: the only one for which `prove` is valid.
        delta: δ of the guarantee.
        level: confidence that the true ε lies above the bound.
        guarantee_unit: the privacy unit of the guarantee.
        noise: what is known of the mechanism.

    Raises:
        ValueError: for a level or δ out of range.
    """
    check_level(level)
    check_delta(delta)
    reason = refusal(
        trials,
        designs=(design,),
        guarantee_unit=guarantee_unit,
        needs_noise="gaussian",
        noise=noise,
    )
    if delta == 0.0:
        reason = reason or "no Gaussian mechanism is (ε, 0)-DP: state the δ of the guarantee"
    if reason:
        return Estimate.unscored(reason)
    proven = prove(trials, 1.0 - level)
    value = epsilon_from_mu(proven.value, delta)
    ceiling = epsilon_from_mu(proven.ceiling, delta)
    method = f"{proven.method}, δ={delta:g}, {proven.corrected}"
    return Estimate(value, value, math.inf, level, method, ceiling)


def gdp_bound(
    trials: Trials,
    *,
    delta: float,
    level: float = 0.95,
    guarantee_unit: Unit = "utterance",
    noise: Noise = "any",
) -> Estimate:
    """Return the lower bound on ε(δ) of a Gaussian mechanism, from independent trials.

    Far stronger than Clopper-Pearson alone, because one point of a Gaussian trade-off curve fixes
    all of it, and so does the area below; and refused where the curve is not known to be Gaussian.
    """
    return gaussian_bound(
        trials,
        _prove_mu,
        design="many_runs",
        delta=delta,
        level=level,
        guarantee_unit=guarantee_unit,
        noise=noise,
    )


def _prove_mu(trials: Trials, error: float) -> ProvenMu:
    of_pairs = pairs.SHARE_OF_CURVE * error
    found, perfect = (
        limits(trials, error - of_pairs) for limits in (anchored_limits, perfect_limits)
    )
    ordered, all_ordered = (
        pairs.mu_from_auc(limit(trials, of_pairs))
        for limit in (pairs.pair_limit, pairs.perfect_pair_limit)
    )
    return ProvenMu(
        max(mu_from_limits(found), ordered),
        max(mu_from_limits(perfect), all_ordered),
        "Gaussian DP",
        f"Bonferroni over pairs and {len(found.false_positive)} thresholds",
    )
