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
from dataclasses import dataclass, field

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
    alpha, curve = 1.0 - level, OwnCurve(event, delta)
    found = curve.epsilon_at(pair_limit(trials, alpha))
    # On a coarser grid it may come out below what was found, where the attack was perfect.
    ceiling = max(found, curve.epsilon_at(perfect_pair_limit(trials, alpha), STEP_OF_CEILING))
    won, pairs = pairs_won(trials)
    p_value = float(betainc(won, pairs - won + 1, curve.allowed(1.0))) if won else 1.0
    method = f"the event's own curve at any noise, {pairs} pairs, δ={delta:g}"
    return Estimate(found, found, math.inf, level, method, ceiling), p_value


@dataclass(frozen=True)
class OwnCurve:
    """What an event allows and costs at δ when all of its noise has another factor."""

    event: DpEvent
    delta: float
    known: dict[float, float] = field(default_factory=dict, repr=False, compare=False)

    def allowed(self, factor: float) -> float:
        """Return the largest AUC at `factor` times the noise; of each it is computed once."""
        if factor not in self.known:
            self.known[factor] = largest_auc(with_noise(self.event, factor))
        return self.known[factor]

    def epsilon_at(self, auc: float, step: float = STEP) -> float:
        """Return ε at the least factor whose noise so large an AUC refutes, 0 for none."""

        def refuted(factor: float) -> bool:
            return self.allowed(factor) < auc

        if not refuted(LOUDEST):
            return 0.0
        low, high = QUIETEST, LOUDEST
        if refuted(low):
            return price(with_noise(self.event, low), self.delta).epsilon
        # From the claim outwards: sound mechanisms lie near it.
        for factor in (1.0, 1.5, 1 / 1.5, 2.5, 1 / 2.5):
            if low < factor < high:
                low, high = (low, factor) if refuted(factor) else (factor, high)
        while high / low > step:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if refuted(middle) else (middle, high)
        return price(with_noise(self.event, high), self.delta).epsilon


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
