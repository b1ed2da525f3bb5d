"""What Confident-GNMax costs on the votes at hand: its Rényi differential privacy, and its release.

A query is asked whether its most votes, with noise, reach a threshold, and is answered by GNMax
where they do. Its outcome is the winner, or nothing: one mechanism, whose cost for all data is that
of test and answer together. Theorem 6 of Papernot et al. 2018 holds of any mechanism, so that a
query is cheap where *one* outcome is nearly sure: teachers that agree and are answered, and
teachers that do not and are not. Which queries are answered is thus part of what is priced, and
needs no look at what happened. A cap on the answers only withholds outcomes, which costs nothing.

Everything is a function of one number, the votes T1 for the most voted of K hypotheses: the other
votes are taken to lie where they are most dangerous. One teacher moves it by one at most, so that
the sensitivity at every distance is read off a table. All of it is private but `confident_release`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, logsumexp

from defenses.accounting.guarantee import Guarantee
from defenses.pate.rdp import Counts, Floats, gnmax_rdp
from defenses.pate.smooth_sensitivity import check_release, public_order, released, teachers_of
from targets.core.randomness import Randomness


@dataclass(frozen=True)
class ConfidentNoise:
    """The noise of Confident-GNMax, in votes.

    The largest count of every query gets N(0, `test_sigma`²) and is held against `threshold`; every
    count of a query that is answered gets N(0, `sigma`²).
    """

    threshold: float
    test_sigma: float
    sigma: float

    @property
    def together(self) -> float:
        """The σ of a GNMax that costs for all data what a test and an answer do: λ / σ²."""
        return (1 / (2 * self.test_sigma**2) + 1 / self.sigma**2) ** -0.5

    def log_q(self, teachers: int, classes: int) -> Floats:
        """Return log q (T + 1,) for each T1 from 0 to T teachers.

        q is at least the chance of every outcome but one: of an answer, or of all but the winner.
        """
        top = np.arange(teachers + 1, dtype=np.float64)
        margin = (top - self.threshold) / self.test_sigma
        passed, failed = log_ndtr(margin), log_ndtr(-margin)
        missed = _log_missed(top, teachers, classes, self.sigma)
        return np.minimum(passed, np.minimum(np.logaddexp(failed, missed), 0.0))


def confident_costs(noise: ConfidentNoise, teachers: int, classes: int, orders: Floats) -> Floats:
    """Return the RDP (T + 1, L) of one query for each number of votes for the most voted."""
    return gnmax_rdp(noise.log_q(teachers, classes), noise.together, orders)


def confident_total(counts: Counts, noise: ConfidentNoise, orders: Floats) -> Floats:
    """Return the data-dependent RDP (L,) of all queries `counts` (Q, K), answered or not.

    Raises:
        OverheardError: the queries were not voted on by the same number of teachers.
    """
    costs = confident_costs(noise, teachers_of(counts), counts.shape[1], orders)
    return np.asarray(costs[counts.max(axis=1)].sum(axis=0))


def confident_sensitivities(counts: Counts, noise: ConfidentNoise, order: float) -> Floats:
    """Return by how much one teacher can move the cost at `order`, at every distance (T + 1,).

    Raises:
        OverheardError: the queries were not voted on by the same number of teachers.
    """
    teachers, classes = teachers_of(counts), counts.shape[1]
    costs = confident_costs(noise, teachers, classes, np.array([order]))[:, 0]
    least = -(-teachers // classes)  # somebody has that many votes
    steps = np.abs(np.diff(costs[least:]))
    reach = np.maximum(np.append(steps, 0.0), np.append(0.0, steps))
    tops, times = np.unique(counts.max(axis=1), return_counts=True)
    found = np.zeros(teachers + 1)
    for top, number in zip(tops - least, times, strict=True):
        # The farther of both sides at each distance, then the most up to there.
        below, above = reach[top::-1], reach[top:]
        sides = np.zeros((2, teachers + 1))
        sides[0, : len(below)], sides[1, : len(above)] = below, above
        found += number * np.maximum.accumulate(sides.max(axis=0))
    return found


def confident_release(
    counts: Counts,
    noise: ConfidentNoise,
    answers: int,
    delta: float,
    rng: Randomness,
    order: float | None = None,
) -> Guarantee:
    """Return a guarantee for Confident-GNMax votes `counts` (Q, K) that may be published.

    See `defenses.pate.smooth_sensitivity.sanitised`. At most `answers` are given.

    Raises:
        OverheardError: the order is not above 1, δ not in (0, 1), or the queries were not voted on
            by the same number of teachers.
    """
    queries = len(counts)
    order = public_order(queries, noise.together, delta) if order is None else order
    check_release(delta, order)
    worst = order * (queries / (2 * noise.test_sigma**2) + answers / noise.sigma**2)
    true = float(confident_total(counts, noise, np.array([order]))[0])
    sensitivities = confident_sensitivities(counts, noise, order)
    return released(true, sensitivities, worst, delta, rng, order, "confident gnmax")


def _log_missed(top: Floats, teachers: int, classes: int, sigma: float) -> Floats:
    """Return a bound on the log of the chance that GNMax misses the most voted, from T1 (N,) alone.

    A miss by one of the others is likelier the more votes it has, and the more so the nearer it is
    to T1 (the tail is convex): the sum is largest where as few as can hold them have them all.
    """
    others = classes - 1
    if others == 0:
        return np.full(len(top), -math.inf)
    rest = np.maximum(teachers - top, 0.0)
    level = np.minimum(np.floor(rest / np.maximum(top, 1.0)), others)  # so many have T1 themselves
    left = np.where(level < others, rest - level * top, 0.0)  # and one has what is left
    deviation = math.sqrt(2) * sigma
    with np.errstate(divide="ignore"):  # log 0: nobody
        parts = [
            np.log(level) + log_ndtr(0.0),
            np.where(level < others, log_ndtr(-(top - left) / deviation), -math.inf),
            np.log(np.maximum(others - level - 1, 0)) + log_ndtr(-top / deviation),
        ]
    return np.asarray(np.minimum(logsumexp(parts, axis=0), math.log(others / classes)))
