"""Confident-GNMax against exact divergences and against all votes there are."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.special import logsumexp, ndtr
from scipy.stats import norm

from defenses.pate.confident_cost import (
    ConfidentNoise,
    confident_costs,
    confident_release,
    confident_sensitivities,
    confident_total,
)
from defenses.pate.rdp import ORDERS, epsilon_of, gnmax_log_q, gnmax_rdp, threshold_rdp
from defenses.pate.smooth_sensitivity import public_order, smooth_sensitivity
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

DELTA = 1e-5
SOME = np.array([1.1, 1.5, 2.5, 4.0, 16.0])


def outcomes(votes, noise):
    """Return the exact chances (N, 1 + K) of nothing and of each class, by the trapezoid rule."""
    margin = (votes.max(axis=1) - noise.threshold) / noise.test_sigma
    x = np.linspace(-12 * noise.sigma, votes.max() + 12 * noise.sigma, 2_001)
    below = ndtr((x - votes[..., None]) / noise.sigma)
    densities = norm.pdf((x - votes[..., None]) / noise.sigma)
    won = np.stack(
        [
            (densities[:, j] * np.delete(below, j, axis=1).prod(axis=1)).sum(axis=1)
            for j in range(votes.shape[1])
        ],
        axis=1,
    )
    won /= won.sum(axis=1, keepdims=True)
    return np.column_stack([ndtr(-margin), ndtr(margin)[:, None] * won])


def all_votes(teachers, classes):
    every = itertools.product(range(teachers + 1), repeat=classes)
    return np.array([votes for votes in every if sum(votes) == teachers])


@pytest.mark.parametrize(
    "noise",
    [ConfidentNoise(5.0, 0.6, 0.6), ConfidentNoise(4.0, 0.5, 1.0), ConfidentNoise(6.5, 0.8, 0.5)],
    ids=str,
)
def test_it_never_costs_less_than_the_exact_divergence(noise):
    votes = all_votes(7, 3)
    chances = outcomes(votes, noise)
    bounds = confident_costs(noise, 7, 3, SOME)[votes.max(axis=1)]
    apart = np.abs(votes[:, None] - votes[None]).sum(axis=2) // 2
    for a, b in zip(*np.nonzero(apart == 1), strict=True):
        p, q = np.log(chances[a])[:, None], np.log(chances[b])[:, None]
        exact = logsumexp(SOME * p + (1 - SOME) * q, axis=0) / (SOME - 1)
        assert np.all(exact <= bounds[a] * (1 + 1e-6) + 1e-9)
    # Somewhere the votes matter, else nothing was tested.
    assert bounds[:, 0].min() < 0.5 * SOME[0] / noise.together**2


@pytest.mark.parametrize("noise", [ConfidentNoise(5.0, 1.0, 1.0), ConfidentNoise(3.0, 2.0, 0.7)])
def test_q_is_at_least_the_exact_chance_of_any_other_outcome(noise):
    votes = all_votes(7, 4)
    found = np.exp(noise.log_q(7, 4)[votes.max(axis=1)])
    for chances, winner, q in zip(outcomes(votes, noise), votes.argmax(axis=1), found, strict=True):
        others = np.delete(chances, 1 + winner).sum()
        assert q >= min(1 - chances[0], others) * (1 - 1e-9)


@pytest.mark.parametrize(
    ("noise", "order"),
    [(ConfidentNoise(5.0, 1.0, 1.0), 2.0), (ConfidentNoise(6.0, 0.4, 0.5), 1.5),
     (ConfidentNoise(4.5, 0.7, 0.8), 1.2)],
)  # fmt: skip
def test_no_votes_within_reach_are_more_sensitive(noise, order):
    votes = all_votes(8, 3)
    costs = np.array([confident_total(row[None], noise, np.array([order]))[0] for row in votes])
    assert costs.max() > 2 * costs.min()
    apart = np.abs(votes[:, None] - votes[None]).sum(axis=2) // 2
    local = np.where(apart == 1, np.abs(costs[:, None] - costs[None]), 0).max(axis=1)
    bounds = np.array([confident_sensitivities(row[None], noise, order) for row in votes])
    for distance in range(9):
        within = np.where(apart <= distance, local, 0).max(axis=1)
        assert np.all(within <= bounds[:, distance] * (1 + 1e-9) + 1e-15)
    smooth = np.array([smooth_sensitivity(row, 0.1) for row in bounds])
    ratios = smooth[:, None] / np.maximum(smooth[None], 1e-300)
    assert np.all(ratios[apart == 1] <= math.exp(0.1) * (1 + 1e-9))


def test_queries_add_up():
    noise = ConfidentNoise(5.0, 1.0, 1.0)
    votes = np.array([[8, 0, 0], [4, 3, 1], [8, 0, 0]])
    each = sum(confident_sensitivities(row[None], noise, 2.0) for row in votes)
    np.testing.assert_allclose(confident_sensitivities(votes, noise, 2.0), each)


AGREED = np.random.default_rng(0).multinomial(1000, [0.9] + [0.1 / 15] * 15, size=250)
SPLIT = np.random.default_rng(1).multinomial(1000, [1 / 16] * 16, size=250)
NOISE = ConfidentNoise(500.0, 120.0, 60.0)


def test_teachers_that_agree_and_those_that_do_not_are_cheap():
    """What is refused costs nearly nothing, which GNMax would have paid for in full."""
    both = np.concatenate([AGREED, SPLIT])
    found = confident_total(both, NOISE, ORDERS)
    gnmax = gnmax_rdp(gnmax_log_q(both, NOISE.sigma), NOISE.sigma, ORDERS).sum(axis=0)
    assert epsilon_of(found, DELTA) < 0.5 * epsilon_of(gnmax, DELTA)


def test_for_all_data_it_costs_what_test_and_answer_cost():
    always = confident_costs(ConfidentNoise(0.0, 2.0, 3.0), 1, 9, SOME)[1]
    test = threshold_rdp(np.zeros(1), 2.0, SOME)[0]
    np.testing.assert_allclose(always, test + SOME / 3.0**2)


def test_it_is_published_below_the_price_of_any_votes_and_not_below_the_truth():
    both = np.concatenate([AGREED, SPLIT])
    order = public_order(500, NOISE.together, DELTA)
    true = epsilon_of(confident_total(both, NOISE, np.array([order])), DELTA, np.array([order]))
    found = [confident_release(both, NOISE, 500, DELTA, Randomness(s)).epsilon for s in range(8)]
    assert true < min(found)
    assert max(found) < 0.8 * epsilon_of(500 * ORDERS / NOISE.together**2, DELTA)
    assert len(set(found)) > 1


def test_a_cap_on_the_answers_bounds_what_is_published():
    votes = np.array([[40, 35, 25]] * 200)  # in doubt, for the test and for the answer
    noise = ConfidentNoise(40.0, 60.0, 10.0)
    few, many = (confident_release(votes, noise, n, DELTA, Randomness(0)) for n in (2, 200))
    assert few.epsilon < 0.5 * many.epsilon


@pytest.mark.parametrize(
    ("votes", "delta", "order", "message"),
    [([[3, 1], [2, 1]], 1e-5, 8.0, "3 to 4 teachers"), ([[3, 1]], 0.0, 8.0, "delta"),
     ([[3, 1]], 1e-5, 1.0, "order")],
)  # fmt: skip
def test_mistakes_are_named(votes, delta, order, message):
    with pytest.raises(OverheardError, match=message):
        confident_release(np.array(votes), NOISE, 2, delta, Randomness(0), order)
