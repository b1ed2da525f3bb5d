"""From what a mechanism did (a `DpEvent`) to what it costs (a `Guarantee`)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from dp_accounting import (
    ComposedDpEvent,
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    PoissonSampledDpEvent,
    PrivacyAccountant,
    SelfComposedDpEvent,
)
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant

from targets.errors import OverheardError

# PLD asks for memory in proportion to ε; beyond this the Rényi bound is kept (still valid).
LARGEST_PLD_EPSILON = 200.0
# Nor is it asked where one step alone spreads its loss over a huge grid.
SMALLEST_PLD_NOISE = 0.1
PLD_GRID = 1e-3  # of privacy losses: rounds ε up by less than 1e-3, at a tenth of 1e-4's cost
TOLERANCE = 2e-3  # relative, of a calibrated noise: always on the private side

logging.getLogger("absl").setLevel(logging.ERROR)  # orders that did not converge are left out


@dataclass(frozen=True)
class Guarantee:
    """(ε, δ)-differential privacy, with what it is about and where it comes from.

    `unit` is what may be added or removed; `relation` the neighbouring relation. ε = inf is no
    guarantee. `basis` says why it should be believed: 'audited code' where this project's own
    mechanism made the event, 'claimed' where a submission did, 'none' without a guarantee.
    """

    epsilon: float
    delta: float
    unit: str
    relation: str
    accountant: str
    basis: str


def price(
    event: DpEvent, delta: float, *, unit: str = "utterance", basis: str = "audited code"
) -> Guarantee:
    """Return the guarantee that an event gives at δ, the tighter of Rényi and PLD accounting."""
    relation = "add or remove one " + unit
    epsilon, accountant = _epsilon(RdpAccountant(), event, delta), "rdp (dp-accounting)"
    if math.isinf(epsilon):
        return Guarantee(math.inf, delta, unit, relation, accountant, "none")
    if epsilon < LARGEST_PLD_EPSILON and _smallest_noise(event) >= SMALLEST_PLD_NOISE:
        tighter = _epsilon(PLDAccountant(value_discretization_interval=PLD_GRID), event, delta)
        if tighter < epsilon:
            epsilon, accountant = tighter, "pld (dp-accounting)"
    return Guarantee(epsilon, delta, unit, relation, accountant, basis)


def calibrate(event_of: Callable[[float], DpEvent], epsilon: float, delta: float) -> float:
    """Return the least noise at which `event_of(noise)` costs no more than ε at δ.

    `event_of` must cost less the more noise there is.

    Raises:
        OverheardError: no noise up to a million reaches ε; names the ε that it does reach.
    """
    if epsilon <= 0 or not 0 < delta < 1:
        raise OverheardError(f"epsilon must be above 0 and delta in (0, 1): got {epsilon}, {delta}")

    def cost(noise: float) -> float:
        return price(event_of(noise), delta).epsilon

    def rough(noise: float) -> float:
        return _epsilon(RdpAccountant(), event_of(noise), delta)

    high = 1.0
    while rough(high) > epsilon:
        high *= 2
        if high > 1e6:
            raise OverheardError(
                f"epsilon {epsilon} at delta {delta} is out of reach: with noise {high:g} it is "
                f"still {rough(high):.3g}; ask for a larger epsilon or delta, or fewer steps"
            )
    low = high / 2
    while low > 1e-3 and rough(low) <= epsilon:
        low, high = low / 2, low
    low /= 2  # PLD accounting may need less noise than Rényi accounting does
    while high / low > 1 + TOLERANCE:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if cost(middle) <= epsilon else (middle, high)
    return high


@lru_cache(maxsize=256)
def calibrated(
    event_of: Callable[..., DpEvent], epsilon: float, delta: float, *settings: float
) -> float:
    """Return `calibrate` of `event_of(noise, *settings)`, remembered.

    Calibration takes seconds, and an audit trains thousands of times with the same settings.
    """
    return calibrate(lambda noise: event_of(noise, *settings), epsilon, delta)


def dp_sgd_event(noise: float, rate: float, steps: int) -> DpEvent:
    """Return the event of DP-SGD: `steps` Poisson-sampled Gaussian queries of sensitivity one."""
    return SelfComposedDpEvent(PoissonSampledDpEvent(rate, GaussianDpEvent(noise)), steps)


def gaussian_votes_event(noise: float, votes: int) -> DpEvent:
    """Return the event of `votes` GNMax answers with N(0, noise²) on every count.

    One utterance can change one teacher's vote: two counts by one each, √2 in Euclidean norm.
    The composition of Gaussian queries is one Gaussian query, which is priced exactly.
    """
    return GaussianDpEvent(noise / math.sqrt(2 * max(votes, 1)))


def laplace_votes_event(noise: float, votes: int) -> DpEvent:
    """Return the event of `votes` LNMax answers with Laplace(noise) on every count.

    The vote that moves changes two counts by one each: two Laplace queries of sensitivity one.
    """
    return SelfComposedDpEvent(ComposedDpEvent([LaplaceDpEvent(noise)] * 2), max(votes, 1))


def _epsilon(accountant: PrivacyAccountant, event: DpEvent, delta: float) -> float:
    if isinstance(event, NonPrivateDpEvent):
        return math.inf
    accountant.compose(event)
    return float(accountant.get_epsilon(delta))


def _smallest_noise(event: DpEvent) -> float:
    """Return the smallest noise multiplier anywhere in an event."""
    if isinstance(event, SelfComposedDpEvent | PoissonSampledDpEvent):
        return _smallest_noise(event.event)
    if isinstance(event, ComposedDpEvent):
        return min(map(_smallest_noise, event.events))
    return float(getattr(event, "noise_multiplier", 0.0))
