"""The games' truths, against integration and an independent accountant."""

import math

import numpy as np
import pytest
from dp_accounting.pld import privacy_loss_distribution
from scipy.integrate import quad
from scipy.stats import norm

from attacks.statistics.gdp import mu_from_epsilon
from attacks.statistics.simulation.games import (
    GAMES,
    Gaussian,
    Laplace,
    RandomisedResponse,
    SubsampledGaussian,
    play,
    subsampled_delta,
    subsampled_mu,
)

pytestmark = pytest.mark.one_version

DELTA = 1e-5


def hockey_stick(p, q, epsilon):
    area, _ = quad(lambda x: max(0.0, p(x) - math.exp(epsilon) * q(x)), -30, 40, limit=2000)
    return area


@pytest.mark.parametrize(
    ("rate", "mu", "epsilon"), [(0.25, 1.0, 0.3), (0.1, 2.0, 1.0), (0.5, 1, 0)]
)
def test_subsampled_delta_is_the_larger_hockey_stick(rate, mu, epsilon):
    def mixture(x):
        return (1 - rate) * norm.pdf(x) + rate * norm.pdf(x, mu)

    both = hockey_stick(mixture, norm.pdf, epsilon), hockey_stick(norm.pdf, mixture, epsilon)
    assert subsampled_delta(rate, mu, epsilon) == pytest.approx(max(both), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 4.0])
def test_truths_agree_with_dp_accounting(epsilon):
    fine = {"value_discretization_interval": 1e-4}
    gaussian = privacy_loss_distribution.from_gaussian_mechanism(
        1 / mu_from_epsilon(epsilon, DELTA), **fine
    )
    subsampled = privacy_loss_distribution.from_gaussian_mechanism(
        1 / subsampled_mu(0.25, epsilon, DELTA), sampling_prob=0.25, **fine
    )
    laplace = privacy_loss_distribution.from_laplace_mechanism(
        1 / (epsilon - 2 * math.log1p(-DELTA)), **fine
    )
    for losses in (gaussian, subsampled, laplace):
        assert losses.get_epsilon_for_delta(DELTA) == pytest.approx(epsilon, abs=1e-3)


def test_randomised_response_is_tight():
    right = (math.exp(2.0) + 0.1) / (math.exp(2.0) + 1)
    assert right - math.exp(2.0) * (1 - right) == pytest.approx(0.1)
    coins = np.arange(100_000) % 2 == 0
    told = RandomisedResponse().draw(coins, 2.0, 0.1, np.random.default_rng(0))
    assert np.mean(told == coins) == pytest.approx(right, abs=0.005)


def test_draws_have_the_calibrated_shift():
    rng = np.random.default_rng(0)
    coins = np.arange(200_000) % 2 == 0
    for game, shift in (
        (Gaussian(), mu_from_epsilon(1.0, DELTA)),
        (Laplace(), 1.0),
        (SubsampledGaussian(), 0.25 * subsampled_mu(0.25, 1.0, DELTA)),
    ):
        scores = game.draw(coins, 1.0, DELTA, rng)
        assert scores[coins].mean() - scores[~coins].mean() == pytest.approx(shift, abs=0.02)


@pytest.mark.parametrize("game", GAMES, ids=lambda game: game.name)
def test_designs(game):
    rng = np.random.default_rng(0)
    many = play(game, "many_runs", 50, 1.0, DELTA, rng)
    assert (many.n_in, many.n_out, many.design) == (50, 50, "many_runs")
    sizes = {play(game, "one_run", 50, 1.0, DELTA, rng).n_in for _ in range(20)}
    assert len(sizes) > 5  # every coin falls by itself
    tiny = play(game, "one_run", 1, 1.0, DELTA, rng)
    assert (tiny.n_in, tiny.n_out) == (1, 1)
