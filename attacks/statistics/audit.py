"""The audited ε: the bound that is valid for the design, over one attack or several."""

from __future__ import annotations

import math
from collections.abc import Mapping

from attacks.statistics.clopper_pearson import clopper_pearson_bound
from attacks.statistics.evidence import Noise, Trials, check_delta, check_level
from attacks.statistics.f_dp import f_dp_bound
from attacks.statistics.gdp import gdp_bound
from attacks.statistics.guesses import Share, check_share
from attacks.statistics.one_run import one_run_bound
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit

LEAST_P = 1e-9  # of a p-value: enough for boards of millions of rows
P_TOLERANCE = 0.01  # relative, of a p-value: always on the side of the claim


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
    guesses: Share | None = None,
) -> Estimate:
    """Return the audited lower bound on ε(δ): value = low = bound, high = inf.

    The method follows from what was known before any score: `one_run` takes Steinke's bound,
    `many_runs` Clopper-Pearson, and their Gaussian counterparts where `noise` is "gaussian".
    Several attacks, given by name, share the level equally; a refused attack keeps its share,
    because how many were tried must not depend on how they went. `tried` is how many there were,
    where some of them gave nothing at all. `guesses` says on how many candidates to guess in one
    run, where it was fixed beforehand: see `Share`.

    Raises:
        ValueError: for a level, δ or share out of range, or no attack at all.
    """
    check_level(level)
    check_delta(delta)
    if guesses is not None:
        check_share(guesses)
    if isinstance(trials, Trials):
        return _fixed_bound(trials, delta, level, guarantee_unit, noise, guesses)
    if not trials:
        raise ValueError("no attack to audit with")
    each = 1.0 - (1.0 - level) / max(tried or 0, len(trials))
    bounds = {
        name: _fixed_bound(one, delta, each, guarantee_unit, noise, guesses)
        for name, one in trials.items()
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
    among = f"best of {len(bounds)} attacks ({best})" if len(bounds) > 1 else f"by {best}"
    method = f"{scored[best].method}, {among}"
    low = scored[best].low
    return Estimate(low, low, math.inf, level, method, max(ceilings, default=None))


def _fixed_bound(
    trials: Trials,
    delta: float,
    level: float,
    guarantee_unit: Unit,
    noise: Noise,
    guesses: Share | None,
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
            trials,
            delta=delta,
            level=level,
            guarantee_unit=guarantee_unit,
            noise=noise,
            guesses=guesses,
        )
    return one_run_bound(
        trials, delta=delta, level=level, guarantee_unit=guarantee_unit, guesses=guesses
    )


def claim_p_value(
    trials: Trials | Mapping[str, Trials],
    claimed_epsilon: float,
    *,
    delta: float,
    guarantee_unit: Unit = "utterance",
    noise: Noise = "any",
    tried: int | None = None,
    guesses: Share | None = None,
) -> float:
    """Return the least error at which `audited_epsilon` still exceeds a claim, at least `LEAST_P`.

    It is a p-value of the claim: a true one is at most with chance p below p. 1 where even the
    weakest audit says nothing against the claim.
    """

    def contradicts(error: float) -> bool:
        bound = audited_epsilon(
            trials,
            delta=delta,
            level=1.0 - error,
            guarantee_unit=guarantee_unit,
            noise=noise,
            tried=tried,
            guesses=guesses,
        )
        return bound.scored and bound.low > claimed_epsilon

    low, high = LEAST_P, 0.5
    if not contradicts(high):
        return 1.0
    if contradicts(low):
        return low
    while high / low > 1.0 + P_TOLERANCE:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if contradicts(middle) else (middle, high)
    return high
