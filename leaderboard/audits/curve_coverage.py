"""How often the bound from an event's own curve exceeds the truth, and how much of it it finds.

The games are those on which the other bounds are tested; each is told as the event that it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from dp_accounting import DpEvent, GaussianDpEvent, LaplaceDpEvent, PoissonSampledDpEvent

from attacks.statistics.evidence import Design
from attacks.statistics.gdp import mu_from_epsilon
from attacks.statistics.pairs import lower_limit, pairs_won
from attacks.statistics.simulation.coverage import Coverage
from attacks.statistics.simulation.games import (
    Game,
    Gaussian,
    Laplace,
    SubsampledGaussian,
    laplace_shift,
    play,
    subsampled_mu,
)
from leaderboard.audits.own_curve import OwnCurve

NAME = "own curve"
DESIGN: Design = "many_runs"
SAMPLED = SubsampledGaussian()


def _sampled(epsilon: float, delta: float) -> DpEvent:
    query = GaussianDpEvent(1 / subsampled_mu(SAMPLED.rate, epsilon, delta))
    return PoissonSampledDpEvent(SAMPLED.rate, query)


# What each game does, as an event whose price at δ is the ε asked for.
EVENTS: tuple[tuple[Game, Callable[[float, float], DpEvent]], ...] = (
    (Gaussian(), lambda epsilon, delta: GaussianDpEvent(1 / mu_from_epsilon(epsilon, delta))),
    (Laplace(), lambda epsilon, delta: LaplaceDpEvent(1 / laplace_shift(epsilon, delta))),
    (SAMPLED, _sampled),
)


def measure_own_curves(
    runs: int,
    *,
    seed: int,
    sizes: Sequence[int],
    epsilons: Sequence[float],
    delta: float,
    level: float,
) -> list[Coverage]:
    """Return the coverage of the bound for n pairs, n of `sizes`, of every game that is an event.

    Each cell has a random stream of its own.
    """
    cells = [(*one, n, epsilon) for one in EVENTS for n in sizes for epsilon in epsilons]
    streams = np.random.SeedSequence(seed).spawn(len(cells))
    rows = []
    for stream, (game, event_of, n, epsilon) in zip(streams, cells, strict=True):
        rng = np.random.default_rng(stream)
        curve = OwnCurve(event_of(epsilon, delta), delta)
        won = [pairs_won(play(game, DESIGN, n, epsilon, delta, rng))[0] for _ in range(runs)]
        # The bound knows nothing of an audit but how many pairs it won.
        bounds = {w: curve.epsilon_at(lower_limit(w, n, 1.0 - level)) for w in set(won)}
        found = np.array([bounds[w] for w in won])
        false = int((found > epsilon).sum())
        median = float(np.median(found))
        rows.append(Coverage(NAME, game.name, DESIGN, n, epsilon, level, runs, false, median))
    return rows
