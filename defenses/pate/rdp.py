"""What noisy votes cost on the data at hand: Rényi differential privacy (RDP) of PATE.

Where teachers agree, a vote reveals less than the worst case. These figures depend on the votes
and are therefore private themselves: none of them may be published. What may be is the price of
the event (`defenses.accounting.price`) or the sanitised value (`defenses.pate.smooth_sensitivity`).

They hold where nothing but the winner of a vote leaves the aggregator. `defenses.pate.scheme` hands
on the noisy counts themselves: its votes cost what the event says, and these figures are not about
them.

Shapes: Q queries, K classes, L orders. `counts` are votes (Q, K), whole numbers; all logarithms
are natural, and probabilities are kept as logarithms because they fall below 1e-300.
"""

from __future__ import annotations

import math

import numpy as np
from dp_accounting.rdp.rdp_privacy_accountant import DEFAULT_RDP_ORDERS, compute_epsilon
from numpy.typing import NDArray
from scipy.special import log_ndtr, logsumexp

Floats = NDArray[np.float64]
Counts = NDArray[np.integer]

ORDERS: Floats = np.array(DEFAULT_RDP_ORDERS, dtype=np.float64)


def gnmax_log_q(counts: Counts, sigma: float) -> Floats:
    """Return log q (Q,), q being at least the chance that GNMax misses the majority.

    Papernot et al. 2018, Proposition 7: a sum over the other classes.
    """
    return _union(log_ndtr(-_gaps(counts) / (math.sqrt(2) * sigma)))


def gnmax_rdp(log_q: Floats, sigma: float, orders: Floats) -> Floats:
    """Return the data-dependent RDP (Q, L) of GNMax with N(0, σ²) on every count.

    Papernot et al. 2018, Theorem 6 with the orders of Proposition 8; λ / σ², which holds for all
    data, where that does not apply or is no better.
    """
    log_q, always = np.asarray(log_q)[:, None], np.asarray(orders) / sigma**2
    with np.errstate(all="ignore"):  # outside of its conditions the formula may overflow
        mu2 = sigma * np.sqrt(-log_q)
        mu1 = mu2 + 1
        epsilon1, epsilon2 = mu1 / sigma**2, mu2 / sigma**2
        ratios = np.log(mu1 / (mu1 - 1)) + np.log(mu2 / (mu2 - 1))
        applies = (
            (mu1 >= orders)
            & (mu2 > 1)
            & (-log_q > epsilon2)
            & (log_q <= (mu2 - 1) * epsilon2 - mu2 * ratios)
        )
        log_hit = np.log1p(-np.exp(log_q))
        log_a = log_hit - np.log1p(-np.exp((log_q + epsilon2) * (mu2 - 1) / mu2))
        log_b = epsilon1 - log_q / (mu1 - 1)
        rest = orders - 1
        found = np.logaddexp(log_hit + rest * log_a, log_q + rest * log_b) / rest
    certain = np.isneginf(log_q)  # nothing to vote on, or a majority beyond all noise
    # Rounding may leave a cost of zero just below it.
    return np.where(certain, 0.0, np.where(applies, np.clip(found, 0, always), always))


def threshold_log_q(counts: Counts, threshold: float, sigma: float) -> Floats:
    """Return log q (Q,) of the less likely outcome of: is max votes + N(0, σ²) >= threshold?"""
    margin = (threshold - counts.max(axis=1)) / sigma
    return np.asarray(log_ndtr(-np.abs(margin)))


def threshold_rdp(log_q: Floats, sigma: float, orders: Floats) -> Floats:
    """Return the data-dependent RDP (Q, L) of the threshold test with noise N(0, σ²).

    One vote moves the largest count by one, where it moves GNMax by √2: Theorem 6 with √2 σ.
    """
    return gnmax_rdp(log_q, math.sqrt(2) * sigma, orders)


def confident_rdp(
    counts: Counts,
    answered: NDArray[np.bool_],
    threshold: float,
    test_sigma: float,
    sigma: float,
    orders: Floats,
) -> Floats:
    """Return the data-dependent RDP (Q, L) of Confident-GNMax, given which queries it answered.

    Every query pays for the test, an answered one (`answered`, (Q,)) for GNMax too. Which ones
    are answered is decided by noise as it goes, so that the sum is what a run has spent, as in
    Papernot et al. 2018, and a promise only under a cap that was fixed beforehand.
    """
    spent = threshold_rdp(threshold_log_q(counts, threshold, test_sigma), test_sigma, orders)
    spent[answered] += gnmax_rdp(gnmax_log_q(counts[answered], sigma), sigma, orders)
    return spent


def lnmax_log_q(counts: Counts, scale: float) -> Floats:
    """Return log q (Q,), q being at least the chance that LNMax misses the majority.

    Papernot et al. 2017, Lemma 4: a sum over the other classes.
    """
    gaps = _gaps(counts) / scale
    return _union(np.log(2 + gaps) - math.log(4) - gaps)


def lnmax_rdp(log_q: Floats, scale: float, orders: Floats) -> Floats:
    """Return the data-dependent RDP (Q, L) of LNMax with Laplace(scale) on every count.

    Papernot et al. 2017, Theorems 2 and 3, for the moment λ - 1, divided by it; never more than
    the cost for all data, which `log_q` = 0 gives.
    """
    log_q, moment = np.asarray(log_q)[:, None], np.asarray(orders) - 1
    epsilon = 2 / scale  # a vote that moves changes two counts by one each
    always = np.minimum(epsilon**2 * orders / 2, epsilon)
    applies = log_q < -np.logaddexp(0, epsilon)
    with np.errstate(all="ignore"):  # outside of its condition the formula has no value
        log_hit = np.log1p(-np.exp(log_q))
        log_a = log_hit - np.log1p(-np.exp(epsilon + log_q))
        found = np.logaddexp(log_hit + moment * log_a, log_q + epsilon * moment) / moment
    return np.where(applies, np.clip(found, 0, always), always)


def epsilon_of(rdp: Floats, delta: float, orders: Floats = ORDERS) -> float:
    """Return the ε at δ of a total RDP (L,): the best over the orders."""
    return float(compute_epsilon(orders, rdp, delta)[0])


def _gaps(counts: Counts) -> Floats:
    """Return by how many votes (Q, K - 1) the winner leads each of the others."""
    ordered = np.sort(counts, axis=1)[:, ::-1].astype(np.float64)
    return ordered[:, :1] - ordered[:, 1:]


def _union(log_chances: Floats) -> Floats:
    """Return log of the sum (Q,) of chances (Q, K - 1), at most 1 - 1/K."""
    others = log_chances.shape[1]
    if not others:
        return np.full(len(log_chances), -math.inf)
    return np.minimum(logsumexp(log_chances, axis=1), math.log(others / (others + 1)))
