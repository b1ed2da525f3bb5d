"""From what a mechanism did (a `DpEvent`) to what it costs (a `Guarantee`)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from dp_accounting import (
    ComposedDpEvent,
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NoOpDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
    UnsupportedEventError,
    get_epsilon_gaussian,
)
from dp_accounting.pld import PLDAccountant

from defenses.accounting.event_algebra import (
    Part,
    coarsened,
    composed,
    merged,
    noise_of,
    parts_of,
    query_of,
)
from defenses.accounting.guarantee import Guarantee as Guarantee
from defenses.accounting.renyi import renyi_curve
from targets.core.errors import OverheardError
from targets.speech.utterance import Unit

# PLD asks for memory in proportion to ε; beyond this the Rényi bound is kept (still valid).
LARGEST_PLD_EPSILON = 200.0
# Nor is it asked where one step alone spreads its loss over a huge grid, or where there are so
# many steps that it would take minutes.
SMALLEST_PLD_NOISE = 0.1
MOST_PLD_STEPS = 1_000_000
PLD_GRID = 1e-3  # of privacy losses: rounds ε up by less than 1e-3, at a tenth of 1e-4's cost
COARSE_PLD_GRID = 1e-2  # below this noise, where losses are large and the fine grid is slow:
SMALL_PLD_NOISE = 0.3
TOLERANCE = 2e-3  # relative, of a calibrated noise: always on the private side
FAR, MOST_NOISE = 2.0**6, 2.0**19  # calibration gives up beyond the second
SMALLEST_EXACT_NOISE = 1e-2  # below it the closed form of one Gaussian query loses its digits
EXACT_MARGIN = 1e-9  # its root is found to 1e-12

logging.getLogger("absl").setLevel(logging.ERROR)  # orders that did not converge are left out


def price(
    event: DpEvent, delta: float, *, unit: Unit = "utterance", basis: str = "audited code"
) -> Guarantee:
    """Return the guarantee that an event gives at δ: the tightest of the bounds that apply.

    Rényi accounting; the exact composition of pure ε's (Laplace noise); the closed form of one
    Gaussian query (Balle and Wang 2018), which all Gaussian queries are together, and sampled ones
    cost at most; and, of all but that one query, PLD accounting where it takes about a second. Of
    more than `MOST_KINDS` different kinds of steps what is priced is fewer kinds that cost a little
    more.

    Raises:
        OverheardError: δ is not in [0, 1), or the event is none that has a price.
    """
    check_delta(delta)
    parts = tuple(merged(parts_of(event)))
    try:
        bounds = (
            _bounds_of(parts, delta) if _hashable(parts) else _bounds_of.__wrapped__(parts, delta)
        )
    except UnsupportedEventError as error:
        raise OverheardError(f"no accountant for {event!r}: {error}") from None
    return tightest(bounds, delta, unit, "add or remove one " + unit, basis)


# The same event is priced again for every training, every seed and every group of units.
@lru_cache(maxsize=1024)
def _bounds_of(exact: Sequence[Part], delta: float) -> Mapping[str, float]:
    """Return every bound on ε that applies to the merged parts of an event, by its name."""
    parts = coarsened(exact)
    bounds = {"rdp (dp-accounting)": float(renyi_curve(parts)(delta))}
    bounds["composition of pure ε"] = sum(_pure_epsilon(part) * times for part, times in exact)
    drawn = merged([(query_of(part), times) for part, times in exact])
    noises = [noise_of(query) for query, _ in drawn if isinstance(query, GaussianDpEvent)]
    as_drawn = drawn == list(exact)
    if len(noises) == len(drawn) == 1 and noises[0] >= SMALLEST_EXACT_NOISE:
        name = "exact Gaussian" if as_drawn else "exact Gaussian, as if all were drawn"
        bounds[name + " (dp-accounting)"] = _gaussian_epsilon(noises[0], delta)
    # What the closed form prices exactly, no other bound prices lower.
    closed = as_drawn and len(noises) == len(drawn) == 1
    within_reach = not closed and min(bounds.values()) < LARGEST_PLD_EPSILON
    if within_reach and (losses := losses_of(parts)) is not None:
        bounds["pld (dp-accounting)"] = float(losses.get_epsilon(delta))
    return bounds


def losses_of(parts: Sequence[Part]) -> PLDAccountant | None:
    """Return the privacy losses of parts together, or None where they cannot be told in a second.

    Memory grows with ε: ask only where another bound is below `LARGEST_PLD_EPSILON`.
    """
    if not _fit_for_pld(parts):
        return None
    fine = min((noise_of(part) for part, _ in parts), default=math.inf) >= SMALL_PLD_NOISE
    accountant = PLDAccountant(value_discretization_interval=PLD_GRID if fine else COARSE_PLD_GRID)
    accountant.compose(composed(parts))
    return accountant


def tightest(
    bounds: Mapping[str, float], delta: float, unit: Unit, relation: str, basis: str
) -> Guarantee:
    """Return the guarantee of the least of some valid bounds on ε, the first of equals."""
    name = min(bounds, key=lambda name: bounds[name])
    basis = "none" if math.isinf(bounds[name]) else basis
    return Guarantee(bounds[name], delta, unit, relation, name, basis)


def check_delta(delta: float) -> None:
    """Raise OverheardError unless δ is in [0, 1)."""
    if not 0 <= delta < 1:
        raise OverheardError(f"delta must be in [0, 1): got {delta}")


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
        event = event_of(noise)
        return _renyi(event, coarsened(merged(parts_of(event))), delta)

    high = 1.0
    while rough(high) > epsilon:
        high *= 2
        # Where the most noise does not do, nothing between needs to be tried.
        if high > MOST_NOISE or (high == FAR and rough(MOST_NOISE) > epsilon):
            most = 2 * MOST_NOISE
            raise OverheardError(
                f"epsilon {epsilon} at delta {delta} is out of reach: with noise {most:g} it is "
                f"still {rough(most):.3g}; ask for a larger epsilon or delta, or fewer steps"
            )
    low = high / 2
    while low > 1e-3 and rough(low) <= epsilon:
        low, high = low / 2, low
    low /= 2  # PLD accounting may need less noise than Rényi accounting does
    return bisected(cost, epsilon, low, high)


def bisected(cost: Callable[[float], float], epsilon: float, low: float, high: float) -> float:
    """Return the upper end at which bisection ends: within `TOLERANCE`, where ε is not exceeded.

    `cost` falls, so that what it is at one noise decides for all noises above, or below. So the
    steps of the bisection are only counted up to where secants say that the root is, and the two
    ends are looked at: a few prices in place of a dozen, to the same end.
    """
    enough, short = high, low  # the first is not above ε, whatever `cost` says of it: as given
    seen: list[tuple[float, float]] = []
    while True:
        root = _secant(seen, epsilon, short, enough)
        below, above = low, high
        while above / below > 1 + TOLERANCE:
            middle = math.sqrt(below * above)
            below, above = (below, middle) if middle >= root else (middle, above)
        noise = next((end for end in (above, below) if short < end < enough), None)
        if noise is None:
            return above
        seen.append((noise, cost(noise)))
        if seen[-1][1] <= epsilon:
            enough = noise
        else:
            short = noise


def _secant(
    seen: Sequence[tuple[float, float]], epsilon: float, short: float, enough: float
) -> float:
    """Return about where ε is met, between two noises: a line through logarithms, or the middle.

    After a dozen prices it is the middle: lines may come near slowly.
    """
    middle = math.sqrt(short * enough)
    near = sorted((abs(math.log(c / epsilon)), n, c) for n, c in seen if 0 < c < math.inf)
    if not near or len(seen) > 12:
        return middle
    (_, noise, found), slope = near[0], -1.0  # twice the noise, half the ε
    if len(near) > 1 and near[1][2] != found:
        slope = math.log(near[1][1] / noise) / math.log(near[1][2] / found)
    exponent = slope * math.log(epsilon / found)
    root = noise * math.exp(min(max(exponent, -100.0), 100.0))
    return min(max(root, math.nextafter(short, math.inf)), enough)


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


def _renyi(event: DpEvent, parts: Sequence[Part], delta: float) -> float:
    try:
        return float(renyi_curve(parts)(delta))
    except UnsupportedEventError as error:
        raise OverheardError(f"no accountant for {event!r}: {error}") from None


def _gaussian_epsilon(noise: float, delta: float) -> float:
    with np.errstate(divide="ignore"):  # far from the root δ is zero, whose logarithm is asked
        epsilon = float(get_epsilon_gaussian(noise, delta))
    return epsilon + EXACT_MARGIN if epsilon else 0.0


def _hashable(parts: Sequence[Part]) -> bool:
    """Tell whether parts can be remembered: a kind of event that holds a list has no hash."""
    try:
        return isinstance(hash(parts), int)
    except TypeError:
        return False


def _pure_epsilon(event: DpEvent) -> float:
    """Return the ε of one part of an event at δ = 0."""
    if isinstance(event, PoissonSampledDpEvent):
        return _pure_epsilon(event.event)  # sampling can only help
    if isinstance(event, LaplaceDpEvent) and event.noise_multiplier > 0:
        return 1 / event.noise_multiplier
    return 0.0 if isinstance(event, NoOpDpEvent) else math.inf


def _fit_for_pld(parts: Sequence[Part]) -> bool:
    return (
        all(_known_to_pld(part) and noise_of(part) >= SMALLEST_PLD_NOISE for part, _ in parts)
        and sum(times for _, times in parts) <= MOST_PLD_STEPS
    )


def _known_to_pld(part: DpEvent) -> bool:
    return isinstance(query_of(part), GaussianDpEvent | LaplaceDpEvent)
