"""Group privacy: what a guarantee for one record is worth to several of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from dp_accounting import (
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    NoOpDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
)
from dp_accounting.dp_event import MixtureOfGaussiansDpEvent
from dp_accounting.pld import PLDAccountant
from scipy.stats import binom

from defenses.accounting.event_algebra import Part, coarsened, composed, merged, parts_of, query_of
from defenses.accounting.price import MOST_PLD_STEPS, Guarantee, price, tightest
from defenses.accounting.renyi import renyi_curve
from targets.core.errors import OverheardError
from targets.speech.utterance import Unit

SCALABLE = (GaussianDpEvent, LaplaceDpEvent, NoOpDpEvent, NonPrivateDpEvent)
# What PLD accounting of a group takes grows with the range of its losses over the grid, once for
# each number that may be drawn: this much of it is about a second.
GRIDS = (1e-3, 1e-2, 1e-1, 1.0)
MOST_GRID_POINTS = 200_000
MOST_DRAWN = 256
SMALLEST_DELTA = 1e-200  # of one unit, tried for the δ of the group
DELTAS_TRIED = 200
# The accountant's search for a loss never ends where losses are lost in the rounding:
NEAREST = 1e-2  # in a group's sensitivity over the noise,
RAREST = 1e-9  # and in that times the sampling rate.
SMALLEST_NOISE = 1e-9  # below it no grid will do


def group_guarantee(
    event: DpEvent,
    delta: float,
    size: int,
    *,
    unit: Unit = "utterance",
    basis: str = "audited code",
    least_grid: float = GRIDS[0],
) -> Guarantee:
    """Return what an event promises at δ to `size` units together, each drawn by its own coin.

    `least_grid` is the finest grid of privacy losses that is tried: ten times coarser, ε comes out
    larger in the fourth digit, in a tenth of the time.

    The tightest of these bounds, by the name of the accountant:

    - "size x sensitivity": a group moves a query at most `size` times as far as one unit. Nothing
      is given away without sampling; with sampling it counts all units into every batch.
    - "mixture of Gaussians": Bin(size, rate) of the units are in a batch, and the worst case is
      exact (Ganesh 2024, "Tight Group-Level DP Guarantees for DP-SGD with Sampling via Mixture of
      Gaussians Mechanisms").
    - "group privacy": (ε, δ') of one is (size ε, δ' Σ e^{iε}, i < size) of the group, for the best
      of many δ'. It needs nothing but the guarantee of one.

    Raises:
        OverheardError: the size is no whole number above 0, or as for `price`.
    """
    if not (isinstance(size, int) and size > 0):
        raise OverheardError(f"a group has a whole number of {unit}s above 0: got {size}")
    one = price(event, delta, unit=unit, basis=basis)
    if size == 1:
        return one
    parts = merged(parts_of(event))
    queries = [query_of(part) for part, _ in parts]
    bounds: dict[str, float] = {}
    if all(isinstance(query, SCALABLE) for query in queries):
        together = price(composed([(_magnified(part, size), n) for part, n in parts]), delta)
        bounds[f"size x sensitivity, {together.accountant}"] = together.epsilon
    sampled = any(isinstance(part, PoissonSampledDpEvent) for part, _ in parts)
    if sampled and all(isinstance(query, GaussianDpEvent) for query in queries):
        mixture = _of_the_mixture(tuple(parts), delta, size, least_grid)
        if mixture is not None:
            bounds["mixture of Gaussians, pld (dp-accounting)"] = mixture
    bounds["group privacy, rdp (dp-accounting)"] = _from_guarantees_of_one(parts, delta, size)
    return tightest(bounds, delta, unit, f"add or remove up to {size} {unit}s", basis)


# Seconds each, and the cells of a suite that differ in their seeds alone have the same events.
@lru_cache(maxsize=256)
def _of_the_mixture(
    parts: Sequence[Part], delta: float, size: int, least_grid: float
) -> float | None:
    accountant = group_losses(composed(parts), size, least_grid)
    return None if accountant is None else float(accountant.get_epsilon(delta))


def group_losses(event: DpEvent, size: int, least_grid: float = GRIDS[0]) -> PLDAccountant | None:
    """Return the privacy losses of a group, or None where they take too long or cannot be told."""
    parts = coarsened(merged(parts_of(event)))
    queries = [query_of(part) for part, _ in parts]
    if size > MOST_DRAWN or not all(isinstance(query, GaussianDpEvent) for query in queries):
        return None
    moves = [size / max(query.noise_multiplier, SMALLEST_NOISE) for query in queries]
    rates = [getattr(part, "sampling_probability", 1.0) for part, _ in parts]
    far = max(moves)
    points = (far**2 / 2 + 10 * far) * (size + 1) * len(parts)
    grids = (grid for grid in GRIDS if grid >= least_grid)
    grid = next((grid for grid in grids if points / grid <= MOST_GRID_POINTS), None)
    if min(moves) < NEAREST or min(np.multiply(moves, rates)) < RAREST:
        return None
    if grid is None or sum(times for _, times in parts) > MOST_PLD_STEPS:
        return None
    accountant = PLDAccountant(value_discretization_interval=grid)
    for part, times in parts:
        accountant.compose(SelfComposedDpEvent(_drawn(part, size), times))
    return accountant


def _magnified(part: DpEvent, size: int) -> DpEvent:
    """Return a query of all units at once, whether they are drawn or not."""
    query = query_of(part)
    if isinstance(query, GaussianDpEvent | LaplaceDpEvent):
        return type(query)(query.noise_multiplier / size)
    return query


def _drawn(part: DpEvent, size: int) -> DpEvent:
    """Return a query of as many of the units as are drawn."""
    query = query_of(part)
    assert isinstance(query, GaussianDpEvent)
    if not isinstance(part, PoissonSampledDpEvent):
        return GaussianDpEvent(query.noise_multiplier / size)
    numbers = np.arange(size + 1.0)
    chances = binom.pmf(numbers, size, part.sampling_probability)
    return MixtureOfGaussiansDpEvent(query.noise_multiplier, numbers.tolist(), chances.tolist())


def _from_guarantees_of_one(parts: Sequence[Part], delta: float, size: int) -> float:
    """Return the ε of a group that follows from some (ε, δ') of one unit, inf where none does."""
    if delta == 0:
        return math.inf
    curve, best = renyi_curve(coarsened(parts)), math.inf
    for smaller in np.geomspace(delta, min(delta, SMALLEST_DELTA), DELTAS_TRIED):
        epsilon = curve(float(smaller))
        if math.log(smaller) + _log_sum(epsilon, size) <= math.log(delta):
            best = min(best, size * epsilon)
    return best


def _log_sum(epsilon: float, size: int) -> float:
    """Return the logarithm of the sum of e^{iε} over i < size."""
    if epsilon == 0:
        return math.log(size)
    ends = math.log1p(-math.exp(-size * epsilon)) - math.log1p(-math.exp(-epsilon))
    return (size - 1) * epsilon + ends
