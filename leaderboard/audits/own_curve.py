"""A lower bound on ε from a mechanism's own trade-off curve, at whatever noise.

The event of a mechanism says everything of it but whether its noise is as loud as it should be. So
audit that: the largest AUC that the event allows falls as its noise grows (`trade_off`). A limit on
the AUC from below therefore refutes all noise above some factor of the claimed one, and ε is at
least the price of the event at that factor. Nothing is given away to a curve that is not the
mechanism's, as a Gaussian curve gives away where batches are drawn, or none can be assumed.

It assumes that the mechanism is of the kind that its event says. If it is not, the claim may still
be refuted: then it is the event that is false.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

from dp_accounting import (
    ComposedDpEvent,
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
)
from scipy.special import betainc

from attacks.statistics.evidence import Trials
from attacks.statistics.pairs import pair_limit, pairs_won, perfect_pair_limit
from defenses.accounting.price import price
from defenses.accounting.trade_off import largest_auc
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate

# Ratio of two factors between which nothing is told, of a bound and of its ceiling: each is named
# by the one that proves less.
STEP, STEP_OF_CEILING = 1.005, 1.1
LOUDEST, QUIETEST = 16.0, 1 / 16  # factors of the noise between which is looked


def own_curve_bound(
    trials: Trials, event: DpEvent, delta: float, level: float = 0.95
) -> tuple[Estimate, float]:
    """Return the lower bound on ε(δ) from ordered pairs, and the p-value of the event itself.

    Pairs must be independent of each other where the mechanism is as its event says, at whatever
    noise: each a member's score and another's.

    Raises:
        OverheardError: the event has a part whose noise cannot be scaled.
    """
    alpha = 1.0 - level
    allowed = cache(lambda factor: largest_auc(with_noise(event, factor)))  # asked twice of some

    def epsilon_at(auc: float, step: float) -> float:
        factor = _least_refuted(allowed, auc, step)
        return 0.0 if factor is None else price(with_noise(event, factor), delta).epsilon

    found = epsilon_at(pair_limit(trials, alpha), STEP)
    ceiling = epsilon_at(perfect_pair_limit(trials, alpha), STEP_OF_CEILING)
    won, pairs = pairs_won(trials)
    p_value = float(betainc(won, pairs - won + 1, allowed(1.0))) if won else 1.0
    method = f"the event's own curve at any noise, {pairs} pairs, δ={delta:g}"
    return Estimate(found, found, math.inf, level, method, ceiling), p_value


def with_noise(event: DpEvent, factor: float) -> DpEvent:
    """Return an event whose every query has `factor` times its noise.

    Raises:
        OverheardError: it has another part than Gaussian and Laplace queries, sampled or not.
    """
    match event:
        case GaussianDpEvent() | LaplaceDpEvent():
            return type(event)(event.noise_multiplier * factor)
        case PoissonSampledDpEvent():
            return PoissonSampledDpEvent(
                event.sampling_probability, with_noise(event.event, factor)
            )
        case SelfComposedDpEvent():
            return SelfComposedDpEvent(with_noise(event.event, factor), event.count)
        case ComposedDpEvent():
            return ComposedDpEvent([with_noise(part, factor) for part in event.events])
    raise OverheardError(f"{event!r} has no noise to scale")


def _least_refuted(allowed: Callable[[float], float], auc: float, step: float) -> float | None:
    """Return the least factor of the noise at which so large an AUC is not `allowed`, or None."""

    def refuted(factor: float) -> bool:
        return allowed(factor) < auc

    low, high = QUIETEST, LOUDEST
    if not refuted(high):
        return None
    if refuted(low):
        return low
    # From the claim outwards: sound mechanisms lie near it.
    for factor in (1.0, 1.5, 1 / 1.5, 2.5, 1 / 2.5):
        if low < factor < high:
            low, high = (low, factor) if refuted(factor) else (factor, high)
    while high / low > step:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if refuted(middle) else (middle, high)
    return high
