"""The audited ε: the bound that is valid for the design, over one attack or several."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from attacks.statistics.clopper_pearson import clopper_pearson_bound
from attacks.statistics.evidence import Noise, Trials, check_delta, check_level
from attacks.statistics.f_dp import f_dp_bound
from attacks.statistics.gdp import gdp_bound
from attacks.statistics.one_run import one_run_bound
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit

Verdict = Literal[
    "consistent",
    "falsified",
    "cannot tell: ceiling below the claim",
    "cannot tell: no bound",
]


def every_bound(
    trials: Trials,
    *,
    delta: float,
    level: float = 0.95,
    guarantee_unit: Unit = "utterance",
    noise: Noise = "any",
) -> dict[str, Estimate]:
    """Return every bound by name, refusals included.

    Each holds at `level` by itself. They do not hold together, so their maximum is not a bound:
    the one that counts is `audited_epsilon`, chosen by the design and not by the scores.
    """
    gaussian = f_dp_bound, gdp_bound
    f_dp, gdp = (
        bound(trials, delta=delta, level=level, guarantee_unit=guarantee_unit, noise=noise)
        for bound in gaussian
    )
    one_run, clopper_pearson = (
        bound(trials, delta=delta, level=level, guarantee_unit=guarantee_unit)
        for bound in (one_run_bound, clopper_pearson_bound)
    )
    return {
        "one-run": one_run,
        "one-run f-DP": f_dp,
        "Clopper-Pearson": clopper_pearson,
        "Gaussian DP": gdp,
    }


def audited_epsilon(
    trials: Trials | Mapping[str, Trials],
    *,
    delta: float,
    level: float = 0.95,
    guarantee_unit: Unit = "utterance",
    noise: Noise = "any",
    tried: int | None = None,
) -> Estimate:
    """Return the audited lower bound on ε(δ): value = low = bound, high = inf.

    The method follows from what was known before any score: `one_run` takes Steinke's bound,
    `many_runs` Clopper-Pearson, and their Gaussian counterparts where `noise` is "gaussian".
    Several attacks, given by name, share the level equally; a refused attack keeps its share,
    because how many were tried must not depend on how they went. `tried` is how many there were,
    where some of them gave nothing at all.

    Raises:
        ValueError: for a level or δ out of range, or no attack at all.
    """
    check_level(level)
    check_delta(delta)
    if isinstance(trials, Trials):
        return _fixed_bound(trials, delta, level, guarantee_unit, noise)
    if not trials:
        raise ValueError("no attack to audit with")
    each = 1.0 - (1.0 - level) / max(tried or 0, len(trials))
    bounds = {
        name: _fixed_bound(one, delta, each, guarantee_unit, noise) for name, one in trials.items()
    }
    return best_of(bounds, level)


def best_of(bounds: Mapping[str, Estimate], level: float) -> Estimate:
    """Return the largest of several lower bounds as one bound that holds at `level`.

    Raises:
        ValueError: where the bounds' error rates add up to more than 1 - `level`.
    """
    scored = {name: bound for name, bound in bounds.items() if bound.scored}
    if not scored:
        return Estimate.unscored("; ".join(f"{name}: {b.method}" for name, b in bounds.items()))
    spent = sum(1.0 - bound.level for bound in scored.values())
    if spent > (1.0 - level) * (1 + 1e-9):
        raise ValueError(f"the bounds spend an error of {spent:.3g}, level {level} allows less")
    best = max(scored, key=lambda name: scored[name].low)
    ceilings = [bound.ceiling for bound in scored.values() if bound.ceiling is not None]
    method = f"{scored[best].method}, best of {len(bounds)} attacks ({best})"
    low = scored[best].low
    return Estimate(low, low, math.inf, level, method, max(ceilings, default=None))


def _fixed_bound(
    trials: Trials, delta: float, level: float, guarantee_unit: Unit, noise: Noise
) -> Estimate:
    gaussian = noise == "gaussian" and delta > 0.0
    if trials.design == "many_runs":
        if gaussian:
            return gdp_bound(
                trials, delta=delta, level=level, guarantee_unit=guarantee_unit, noise=noise
            )
        return clopper_pearson_bound(
            trials, delta=delta, level=level, guarantee_unit=guarantee_unit
        )
    if gaussian:
        return f_dp_bound(
            trials, delta=delta, level=level, guarantee_unit=guarantee_unit, noise=noise
        )
    return one_run_bound(trials, delta=delta, level=level, guarantee_unit=guarantee_unit)


def verdict(bound: Estimate, claimed_epsilon: float) -> Verdict:
    """Return what a lower bound on ε says about a claimed ε.

    "consistent" means that the audit could have contradicted the claim and did not.

    Raises:
        ValueError: for a negative or NaN claim.
    """
    if not claimed_epsilon >= 0.0:
        raise ValueError(f"claimed ε is {claimed_epsilon}; it must be at least 0")
    if not bound.scored:
        return "cannot tell: no bound"
    if bound.low > claimed_epsilon:
        return "falsified"
    if bound.ceiling is not None and bound.ceiling <= claimed_epsilon:
        return "cannot tell: ceiling below the claim"
    return "consistent"
