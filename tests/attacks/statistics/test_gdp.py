"""Gaussian trade-off curves, and the sign of the bound made from them."""

import math

import numpy as np
import pytest
from dp_accounting.pld import privacy_loss_distribution
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from attacks.statistics.clopper_pearson import Limits
from attacks.statistics.evidence import Trials
from attacks.statistics.gdp import (
    delta_from_mu,
    epsilon_from_mu,
    gdp_bound,
    mu_from_epsilon,
    mu_from_limits,
)


@pytest.mark.parametrize("mu", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("epsilon", [0.0, 0.5, 4.0])
def test_delta_is_the_integral_of_what_exceeds(mu, epsilon):
    def excess(x):
        return max(0.0, norm.pdf(x, mu) - math.exp(epsilon) * norm.pdf(x))

    cut = epsilon / mu + mu / 2
    area, _ = quad(excess, cut, cut + 40, points=[cut + 1, cut + 5], limit=200)
    assert delta_from_mu(mu, epsilon) == pytest.approx(area, rel=1e-6, abs=1e-12)


@given(st.floats(0.01, 12), st.sampled_from([1e-8, 1e-5, 1e-3]))
def test_epsilon_and_mu_undo_each_other(mu, delta):
    epsilon = epsilon_from_mu(mu, delta)
    if epsilon > 0:
        assert delta_from_mu(mu, epsilon) == pytest.approx(delta, rel=1e-4)
        assert mu_from_epsilon(epsilon, delta) == pytest.approx(mu, rel=1e-4)
    else:
        assert delta_from_mu(mu, 0.0) <= delta


def test_edges():
    assert epsilon_from_mu(0.0, 1e-5) == 0.0
    assert epsilon_from_mu(1.0, 0.0) == math.inf
    assert mu_from_epsilon(3.0, 0.0) == 0.0
    assert delta_from_mu(1.0, 800.0) == 0.0  # e^800 overflows


def test_the_sign_is_kept():
    # FPR and FNR both near 1: the difference is far below 0 and its absolute value far above.
    limits = Limits(np.array([0.99]), np.array([0.98]))
    assert mu_from_limits(limits) == 0.0
    assert abs(norm.ppf(1 - 0.99) - norm.ppf(0.98)) > 4


def test_scores_without_signal_prove_nothing():
    # Where the absolute value was taken, the median of this very game was 7.95 for a truth of 0.16.
    rng = np.random.default_rng(0)
    bounds = [
        gdp_bound(
            Trials(rng.normal(0.05, 1, 100), rng.normal(size=100), "utterance", "many_runs"),
            delta=1e-5,
            noise="gaussian",
        ).low
        for _ in range(50)
    ]
    assert np.median(bounds) == 0.0


def test_reversed_scores_prove_nothing_and_perfect_ones_reach_the_ceiling():
    high, low = np.full(300, 1.0), np.full(300, 0.0)
    worst = gdp_bound(Trials(low, high, "utterance", "many_runs"), delta=1e-5, noise="gaussian")
    best = gdp_bound(Trials(high, low, "utterance", "many_runs"), delta=1e-5, noise="gaussian")
    assert worst.low == 0.0
    assert best.low == best.ceiling == worst.ceiling > 10


@pytest.mark.parametrize(
    ("sigma", "rate", "steps"), [(1.0, 0.05, 200), (2.0, 0.1, 500), (5.0, 0.02, 50)]
)
def test_dpsgd_exceeds_the_gaussian_profile_only_below_delta(sigma, rate, steps):
    # The promise that `Noise` makes for DP-SGD: beyond ε alone, where both are below δ.
    delta = 1e-5
    losses = privacy_loss_distribution.from_gaussian_mechanism(
        sigma, sampling_prob=rate, value_discretization_interval=1e-3
    ).self_compose(steps)
    epsilon = losses.get_epsilon_for_delta(delta)
    mu = mu_from_epsilon(epsilon, delta)
    for share in np.linspace(0.0, 0.99, 12):
        assert losses.get_delta_for_epsilon(share * epsilon) <= delta_from_mu(mu, share * epsilon)
