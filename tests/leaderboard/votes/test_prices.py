"""What noise other accounting needs, and which lead outlasts it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, SelfComposedDpEvent, get_epsilon_gaussian
from dp_accounting.rdp.rdp_privacy_accountant import RdpAccountant

from defenses.accounting.price import gaussian_votes_event, price
from leaderboard.votes.prices import Noise, lead_needed, winners_alone
from targets.core.randomness import Randomness


@pytest.mark.parametrize(("epsilon", "queries"), [(1.0, 300), (10.0, 60)])
def test_each_noise_costs_the_epsilon_by_its_own_accounting(epsilon, queries):
    noise, delta = Noise.at(epsilon, 1e-5, queries), 1e-5
    exact = price(gaussian_votes_event(noise.exact, queries), delta).epsilon
    assert exact == pytest.approx(epsilon, rel=0.01)
    assert price(gaussian_votes_event(noise.alone, 1), delta).epsilon == pytest.approx(
        epsilon, rel=0.01
    )
    one = get_epsilon_gaussian(noise.added / math.sqrt(2), delta / queries)
    assert queries * one == pytest.approx(epsilon, rel=1e-3)
    votes = RdpAccountant()
    votes.compose(SelfComposedDpEvent(GaussianDpEvent(noise.renyi / math.sqrt(2)), queries))
    assert votes.get_epsilon(delta) == pytest.approx(epsilon, rel=1e-3)
    assert noise.alone < noise.exact < noise.renyi < noise.added


@pytest.mark.parametrize("laplace", [False, True])
def test_a_lead_outlasts_the_noise_as_often_as_it_says(laplace):
    draw = np.random.default_rng(0)
    noise = draw.laplace(0, 3, (2, 200_000)) if laplace else draw.normal(0, 3, (2, 200_000))
    lead = lead_needed(3 * math.sqrt(2) if laplace else 3, laplace)
    assert np.mean(lead + noise[0] > noise[1]) == pytest.approx(0.95, abs=0.002)


def test_winners_of_sure_votes_cost_less_and_of_split_votes_the_whole():
    sure, split = np.tile([80, 0], (30, 1)), np.tile([40, 40], (30, 1))
    whole = price(gaussian_votes_event(8.0, 30), 1e-5).epsilon
    assert winners_alone(sure, 8.0, 1e-5, Randomness(0)).private < 0.5 * whole
    found = winners_alone(split, 8.0, 1e-5, Randomness(0))
    assert found.private >= whole
    assert found.released >= found.private
