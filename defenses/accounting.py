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
    NoOpDpEvent,
    PoissonSampledDpEvent,
    PrivacyAccountant,
    SelfComposedDpEvent,
    UnsupportedEventError,
)
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant

from targets.errors import OverheardError
from targets.speech import Unit

# PLD asks for memory in proportion to ε; beyond this the Rényi bound is kept (still valid).
LARGEST_PLD_EPSILON = 200.0
# Nor is it asked where one step alone spreads its loss over a huge grid, or where there are so
# many steps, or so many different ones, that it would take minutes.
SMALLEST_PLD_NOISE = 0.1
MOST_PLD_STEPS = 1_000_000
MOST_PLD_KINDS = 100
PLD_GRID = 1e-3  # of privacy losses: rounds ε up by less than 1e-3, at a tenth of 1e-4's cost
COARSE_PLD_GRID = 1e-2  # below this noise, where losses are large and the fine grid is slow:
SMALL_PLD_NOISE = 0.3
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
    unit: Unit
    relation: str
    accountant: str
    basis: str


def price(
    event: DpEvent, delta: float, *, unit: Unit = "utterance", basis: str = "audited code"
) -> Guarantee:
    """Return the guarantee that an event gives at δ: the tightest of the bounds that apply.

    Rényi accounting, the exact composition of pure ε's (Laplace noise), and PLD accounting where
    it takes about a second.

    Raises:
        OverheardError: δ is not in [0, 1), or the event is none that has a price.
    """
    if not 0 <= delta < 1:
        raise OverheardError(f"delta must be in [0, 1): got {delta}")
    parts = _parts(event)
    relation = "add or remove one " + unit
    bounds = {"rdp (dp-accounting)": _epsilon(RdpAccountant(), event, delta)}
    bounds["composition of pure ε"] = sum(_pure_epsilon(part) * times for part, times in parts)
    if min(bounds.values()) < LARGEST_PLD_EPSILON and _fit_for_pld(parts):
        fine = min((_noise(part) for part, _ in parts), default=math.inf) >= SMALL_PLD_NOISE
        accountant = PLDAccountant(
            value_discretization_interval=PLD_GRID if fine else COARSE_PLD_GRID
        )
        bounds["pld (dp-accounting)"] = _epsilon(accountant, event, delta)
    name = min(bounds, key=lambda name: bounds[name])  # the first of equals
    basis = "none" if math.isinf(bounds[name]) else basis
    return Guarantee(bounds[name], delta, unit, relation, name, basis)


def calibrate(event_of: Callable[[float], DpEvent], epsilon: float, delta: float) -> float:
    """Return the least noise at which `event_of(noise)` costs no more than ε at δ.

    `event_of` must cost less the more noise there is.

    Raises:
        OverheardError: no noise up to a million reaches ε; names the ε that it does reach.
    """
    if not (0 < epsilon < math.inf and 0 < delta < 1):
        raise OverheardError(
            f"epsilon must be above 0 and delta in (0, 1), both finite: got {epsilon}, {delta}"
        )

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


def confident_votes_event(noise: float, asked: int, answers: int, test_share: float) -> DpEvent:
    """Return the event of Confident-GNMax: at most `asked` tests and at most `answers` answers.

    An answer is GNMax with N(0, noise²), a test N(0, confident_test_noise(...)²) on the largest
    count, which one utterance moves by one. Which queries are answered is decided by noise as it
    goes, but the number of both is capped beforehand, and for Gaussian noise the price is then
    that of the cap (Smith and Thakurta 2022), whatever the votes.
    """
    test = confident_test_noise(noise, asked, answers, test_share) / math.sqrt(asked)
    return ComposedDpEvent([GaussianDpEvent(test), gaussian_votes_event(noise, answers)])


def confident_test_noise(noise: float, asked: int, answers: int, test_share: float) -> float:
    """Return the deviation of the test's noise that leaves it `test_share` of the budget.

    The budget is what adds up when Gaussians are composed: squared sensitivity over squared noise.
    """
    return noise * math.sqrt(asked / (2 * answers) * (1 - test_share) / test_share)


def laplace_votes_event(noise: float, votes: int) -> DpEvent:
    """Return the event of `votes` LNMax answers with Laplace(noise) on every count.

    The vote that moves changes two counts by one each: two Laplace queries of sensitivity one.
    """
    return SelfComposedDpEvent(ComposedDpEvent([LaplaceDpEvent(noise)] * 2), max(votes, 1))


def _epsilon(accountant: PrivacyAccountant, event: DpEvent, delta: float) -> float:
    try:
        accountant.compose(event)
    except UnsupportedEventError as error:
        raise OverheardError(f"no accountant for {event!r}: {error}") from None
    except ZeroDivisionError:  # Laplace noise of scale zero
        return math.inf
    return float(accountant.get_epsilon(delta))


def _parts(event: DpEvent) -> list[tuple[DpEvent, int]]:
    """Return the events of which an event is composed, each with how often it happened.

    Raises:
        OverheardError: a number in it is out of range. (dp-accounting prices NaN at zero.)
    """
    if isinstance(event, ComposedDpEvent):
        return [part for e in event.events for part in _parts(e)]
    if isinstance(event, SelfComposedDpEvent):
        if not (isinstance(event.count, int) and event.count > 0):
            raise OverheardError(f"{event!r}: the count must be a whole number above 0")
        return [(part, times * event.count) for part, times in _parts(event.event)]
    if not 0 <= _noise(event) < math.inf:
        raise OverheardError(f"{event!r}: the noise must be finite and not negative")
    if isinstance(event, PoissonSampledDpEvent) and not 0 <= event.sampling_probability <= 1:
        raise OverheardError(f"{event!r}: the sampling probability must be in [0, 1]")
    return [(event, 1)]


def _noise(event: DpEvent) -> float:
    """Return the noise multiplier of one part of an event, 0 where it has none."""
    if isinstance(event, PoissonSampledDpEvent):
        return _noise(event.event)
    return float(getattr(event, "noise_multiplier", 0.0))


def _pure_epsilon(event: DpEvent) -> float:
    """Return the ε of one part of an event at δ = 0."""
    if isinstance(event, PoissonSampledDpEvent):
        return _pure_epsilon(event.event)  # sampling can only help
    if isinstance(event, LaplaceDpEvent) and event.noise_multiplier > 0:
        return 1 / event.noise_multiplier
    return 0.0 if isinstance(event, NoOpDpEvent) else math.inf


def _fit_for_pld(parts: list[tuple[DpEvent, int]]) -> bool:
    return (
        len(parts) <= MOST_PLD_KINDS
        and sum(times for _, times in parts) <= MOST_PLD_STEPS
        and all(_noise(part) >= SMALLEST_PLD_NOISE for part, _ in parts)
    )
