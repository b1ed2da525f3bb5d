"""Smooth sensitivity against the paper's values and against all votes there are."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from defenses.pate.rdp import ORDERS, epsilon_of, gnmax_log_q, gnmax_rdp
from defenses.pate.smooth_sensitivity import (
    BASIS,
    _Cost,
    gnss_rdp,
    local_sensitivities,
    public_order,
    sanitised,
    smooth_sensitivity,
)
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

pytestmark = pytest.mark.one_version

DELTA = 1e-5


def test_the_published_local_sensitivities_towards_doubt():
    found = local_sensitivities(np.array([[10, 0, 0]]), 0.5, 1.5)
    known = [3.13503646e-17, 1.60178280e-08, 5.90681786e-03] + [5.99981308] * 8
    np.testing.assert_allclose(found, known, rtol=1e-8)


def test_the_published_local_sensitivities_towards_agreement():
    found = local_sensitivities(np.array([[1000, 500, 300, 200, 0]]), 250.0, 10.0)
    np.testing.assert_allclose(found[298:300], [2.77693450548e-7, 2.10853979548e-6], rtol=1e-8)
    np.testing.assert_allclose(found[300:], 2.73113623988e-6, rtol=1e-8)
    assert np.all(found[:298] < 1e-10)


@pytest.mark.parametrize(("sigma", "grows"), [(20.0, False), (30.0, True)])
def test_the_reach_grows_where_the_paper_says(sigma, grows):
    cost = _Cost(sigma, 25.0, 10)
    assert bool(np.all(np.diff(cost._reach(cost._grid)) >= 0)) == grows


def all_votes(teachers, classes):
    every = itertools.product(range(teachers + 1), repeat=classes)
    return np.array([votes for votes in every if sum(votes) == teachers])


@pytest.mark.parametrize(
    ("sigma", "order"), [(0.5, 1.5), (0.8, 3.0), (1.0, 8.0), (0.3, 2.0), (3.0, 1.3)]
)
def test_no_votes_within_reach_are_more_sensitive(sigma, order):
    votes = all_votes(8, 3)
    cost = _Cost(sigma, order, 3)
    costs = cost(gnmax_log_q(votes, sigma))
    apart = np.abs(votes[:, None] - votes[None]).sum(axis=2) // 2
    local = np.where(apart == 1, np.abs(costs[:, None] - costs[None]), 0).max(axis=1)
    bounds = np.array([local_sensitivities(row[None], sigma, order) for row in votes])
    for distance in range(9):
        within = np.where(apart <= distance, local, 0).max(axis=1)
        assert np.all(within <= bounds[:, distance] * (1 + 1e-9) + 1e-15)
    smooth = np.array([smooth_sensitivity(row, 0.1) for row in bounds])
    assert np.all(smooth >= local * (1 - 1e-9))
    ratios = smooth[:, None] / np.maximum(smooth[None], 1e-300)
    assert np.all(ratios[apart == 1] <= math.exp(0.1) * (1 + 1e-9))


def test_queries_add_up():
    votes = np.array([[10, 0, 0], [5, 3, 2], [10, 0, 0]])
    each = sum(local_sensitivities(row[None], 0.5, 1.5) for row in votes)
    np.testing.assert_allclose(local_sensitivities(votes, 0.5, 1.5), each)


def divergence(order, mean, s, other):
    """Return the Rényi divergence of N(0, s²) from N(mean, other²), integrated."""

    def log_density(x):
        logs = order * norm.logpdf(x, 0, s) + (1 - order) * norm.logpdf(x, mean, other)
        return math.exp(logs)

    width = 60 * max(s, other)
    return math.log(quad(log_density, -width, width, limit=500, points=[0])[0]) / (order - 1)


@pytest.mark.parametrize(
    ("order", "share"),
    [
        pytest.param(order, share, marks=[] if quick else [pytest.mark.slow])
        for i, order in enumerate((1.5, 4.0, 20.0))
        for j, share in enumerate((0.05, 0.3, 0.4))
        for quick in [i == j]
    ],
)
def test_publishing_costs_what_the_worst_neighbours_show(order, share):
    smoothing, noise = share / order, 6.0
    bound = gnss_rdp(order, smoothing, noise)
    worst = max(
        divergence(order, min(1, ratio), noise, ratio * noise)
        for ratio in np.exp(np.linspace(-smoothing, smoothing, 9))
    )
    assert 0.5 * bound <= worst <= bound * (1 + 1e-6)


def test_the_closed_form_of_the_paper_is_below_the_divergence():
    order, noise = 20.0, 5.0
    smoothing = 0.45 / order
    closed = order * math.exp(2 * smoothing) / noise**2
    closed += (smoothing * order - math.log(1 - 2 * order * smoothing) / 2) / (order - 1)
    least = math.exp(-smoothing)
    shown = divergence(order, least, noise, least * noise)
    assert closed < 0.7 * shown
    assert shown <= gnss_rdp(order, smoothing, noise) * (1 + 1e-6)


def test_too_much_smoothing_has_no_price():
    with pytest.raises(ValueError, match="smoothing"):
        gnss_rdp(10.0, 0.05, 5.0)


CLEAR = np.random.default_rng(0).multinomial(1000, [0.9] + [0.1 / 15] * 15, size=500)


def test_clear_votes_are_published_below_the_price_of_any_votes():
    began = time.process_time()
    found = sanitised(CLEAR, 100.0, DELTA, Randomness(0))
    assert time.process_time() - began < 5
    private = epsilon_of(gnmax_rdp(gnmax_log_q(CLEAR, 100.0), 100.0, ORDERS).sum(axis=0), DELTA)
    assert private < found.epsilon < 0.8 * epsilon_of(500 * ORDERS / 100.0**2, DELTA)
    assert found.basis == BASIS == "data-dependent, sanitised by smooth sensitivity"
    assert (found.delta, found.unit) == (DELTA, "utterance")
    assert found == sanitised(CLEAR, 100.0, DELTA, Randomness(0))
    assert found != sanitised(CLEAR, 100.0, DELTA, Randomness(1))


@pytest.mark.slow
def test_what_is_published_is_not_below_the_truth():
    order = public_order(500, 100.0, DELTA)
    true = gnmax_rdp(gnmax_log_q(CLEAR, 100.0), 100.0, np.array([order])).sum(axis=0)
    least = epsilon_of(true, DELTA, np.array([order]))
    found = {sanitised(CLEAR, 100.0, DELTA, Randomness(seed)).epsilon for seed in range(8)}
    assert min(found) > least
    assert len(found) > 1


def test_votes_that_no_data_makes_cheap_are_published_at_the_worst_price():
    found = sanitised(np.array([[2, 1]] * 3), 50.0, DELTA, Randomness(0), 8.0)
    assert found.epsilon > epsilon_of(np.array([3 * 8 / 2500]), DELTA, np.array([8.0]))


def test_the_public_order_knows_no_votes():
    assert public_order(1000, 40.0, DELTA) == pytest.approx(9.56, abs=0.01)
    assert 1 < public_order(1, 1e8, DELTA) <= 256
    assert public_order(10**6, 1e-6, DELTA) > 1


@pytest.mark.parametrize(
    ("votes", "delta", "order", "message"),
    [([[3, 1], [2, 1]], 1e-5, 8.0, "3 to 4 teachers"), ([[3, 1]], 0.0, 8.0, "delta"),
     ([[3, 1]], 1e-5, 1.0, "order")],
)  # fmt: skip
def test_mistakes_are_named(votes, delta, order, message):
    with pytest.raises(OverheardError, match=message):
        sanitised(np.array(votes), 5.0, delta, Randomness(0), order)
