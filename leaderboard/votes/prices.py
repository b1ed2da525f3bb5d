"""How much noise the same votes would need under other accounting, and what that noise drowns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from dp_accounting import get_sigma_gaussian
from numpy.typing import NDArray
from scipy.optimize import brentq

from defenses.accounting.price import calibrated, gaussian_votes_event
from defenses.pate.rdp import ORDERS, epsilon_of, gnmax_log_q, gnmax_rdp
from defenses.pate.smooth_sensitivity import sanitised
from targets.core.randomness import Randomness

SURE = 0.95
FARTHEST = 60.0  # scales of Laplace noise: beyond all that can be told from none


@dataclass(frozen=True)
class Noise:
    """The Gaussian noise on every count, in votes, that `queries` cost ε at δ with.

    `alone` prices each vote as if there were no other: no guarantee. `added` adds up ε and δ of all
    votes, `renyi` composes them by Rényi differential privacy, `exact` as the one Gaussian query
    that they are.
    """

    alone: float
    added: float
    renyi: float
    exact: float

    @classmethod
    def at(cls, epsilon: float, delta: float, queries: int) -> Noise:
        """Return the noise of each way of accounting."""
        exact = calibrated(gaussian_votes_event, epsilon, delta, queries)

        def too_much(log_noise: float) -> float:
            return epsilon_of(queries * ORDERS / math.exp(2 * log_noise), delta) - epsilon

        # It is looser than the exact price, and never by as much as a factor of a hundred.
        ends = math.log(exact), math.log(100 * exact)
        return cls(
            alone=calibrated(gaussian_votes_event, epsilon, delta, 1),
            # Not `calibrated`, whose margin for rounding is more than so small an ε.
            added=math.sqrt(2) * get_sigma_gaussian(epsilon / queries, delta / queries),
            renyi=math.exp(brentq(too_much, *ends)) if too_much(ends[0]) > 0 else exact,
            exact=exact,
        )


def lead_needed(deviation: float, laplace: bool = False) -> float:
    """Return by how many votes one of two has to lead for noise to leave it ahead, 95 of 100 times.

    `deviation` is that of the independent noise on each of both counts.
    """
    if not laplace:
        return NormalDist().inv_cdf(SURE) * math.sqrt(2) * deviation
    scale = deviation / math.sqrt(2)

    def lost(lead: float) -> float:
        """Return the chance that the difference of two Laplace draws exceeds a lead, in scales."""
        return math.exp(-lead) * (2 + lead) / 4

    return scale * float(brentq(lambda lead: lost(lead) - (1 - SURE), 0, FARTHEST))


@dataclass(frozen=True)
class WinnersAlone:
    """ε of the same votes and noise, were nothing but winners given away, from these very votes.

    `private` must not be published, `released` is what may be.
    """

    private: float
    released: float


def winners_alone(
    counts: NDArray[np.int64], sigma: float, delta: float, rng: Randomness
) -> WinnersAlone:
    """Return the data-dependent ε of GNMax votes `counts` (Q, K) with N(0, sigma²) on each."""
    rdp = gnmax_rdp(gnmax_log_q(counts, sigma), sigma, ORDERS).sum(axis=0)
    return WinnersAlone(epsilon_of(rdp, delta), sanitised(counts, sigma, delta, rng).epsilon)
