"""Ordered pairs: a limit on the AUC, and the ε that it refutes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from attacks.statistics.clopper_pearson import clopper_pearson_bound
from attacks.statistics.evidence import Trials
from attacks.statistics.gdp import gdp_bound
from attacks.statistics.pairs import (
    epsilon_from_auc,
    lower_limit,
    mu_from_auc,
    pair_limit,
    perfect_pair_limit,
)
from attacks.statistics.simulation.games import Gaussian, play


def trials(members, others):
    return Trials(np.asarray(members, float), np.asarray(others, float), "utterance", "many_runs")


@pytest.mark.parametrize(("won", "pairs"), [(0, 10), (7, 10), (10, 10), (600, 1_000)])
def test_the_limit_is_scipys(won, pairs):
    expected = binomtest(won, pairs, alternative="greater").proportion_ci(0.95, "exact").low
    assert lower_limit(won, pairs, 0.05) == pytest.approx(expected, abs=1e-12)


def test_the_auc_of_a_gaussian_and_of_randomised_response_invert():
    assert mu_from_auc(norm.cdf(1.3 / math.sqrt(2))) == pytest.approx(1.3)
    right = math.exp(2.0) / (1 + math.exp(2.0))
    # Randomised response with pure ε = 2: members say 1 more often; ties count half.
    auc = right**2 + right * (1 - right)
    assert epsilon_from_auc(auc, 0.0) == pytest.approx(2.0)
    assert mu_from_auc(0.4) == epsilon_from_auc(0.4, 0.0) == 0.0
    assert epsilon_from_auc(0.9, 1e-3) < epsilon_from_auc(0.9, 0.0)


def test_lists_that_come_sorted_do_not_meet_in_their_order():
    """A shift by a hair of the same sorted list would win every pair."""
    scores = np.sort(np.random.default_rng(0).normal(size=400))
    assert pair_limit(trials(scores + 1e-9, scores), 0.05) < 0.55


def test_ties_are_won_by_half():
    tied = trials(np.zeros(1_000), np.zeros(1_000))
    assert pair_limit(tied, 0.05) == lower_limit(500, 1_000, 0.05)
    assert perfect_pair_limit(tied, 0.05) == pytest.approx(0.05 ** (1 / 1_000))


def test_the_larger_side_may_be_any_longer():
    rng = np.random.default_rng(0)
    assert pair_limit(trials(rng.normal(2, 1, 50), rng.normal(size=5_000)), 0.05) > 0.8


def test_weak_attacks_prove_twice_what_thresholds_alone_did():
    """At n = 1,000 and ε = 1 it was 0.25 of the truth; by a mean of Gaussian scores it is 0.7."""
    rng = np.random.default_rng(0)
    audits = [play(Gaussian(), "many_runs", 1_000, 1.0, 1e-5, rng) for _ in range(40)]
    found = [gdp_bound(audit, delta=1e-5, noise="gaussian") for audit in audits]
    assert 0.4 < np.median([bound.low for bound in found]) < 0.7


def test_both_bounds_say_that_they_look_at_pairs():
    some = trials([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    assert "pairs" in clopper_pearson_bound(some, delta=1e-5).method
    assert "pairs" in gdp_bound(some, delta=1e-5, noise="gaussian").method
