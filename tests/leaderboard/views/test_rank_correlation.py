"""Spearman's ρ against SciPy's, its interval by simulation, the test of chance by enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test, spearmanr

from leaderboard.views.compare import FEWEST
from leaderboard.views.rank_correlation import MOST_EXACT, permutation_p, spearman


def test_spearman_agrees_with_scipy_also_on_ties():
    rng = np.random.default_rng(0)
    for n in (4, 7, 30):
        x, y = rng.integers(0, 4, n).astype(float), rng.normal(size=n)
        x[:2] = 0, 1
        assert spearman(x, y).value == pytest.approx(spearmanr(x, y).statistic)


def test_infinity_is_the_last_of_all():
    x, y = np.array([1.0, 2, 3, np.inf]), np.array([0.2, 0.4, 0.3, 9.0])
    assert spearman(x, y) == spearman(np.arange(4.0), y)


def test_a_perfect_order_of_four_is_weak_evidence():
    four = spearman(np.arange(4.0), np.arange(4.0))
    assert four.value == 1.0
    assert four.low < 0.5
    assert four.high == 1.0
    forty = spearman(np.arange(40.0), -np.arange(40.0))
    assert forty.value == -1.0
    assert forty.high < -0.9


def test_what_has_no_interval_is_refused():
    with pytest.raises(ValueError, match="an interval needs four"):
        spearman(np.arange(3.0), np.arange(3.0))
    assert not spearman(np.ones(5), np.arange(5.0)).scored


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    rho = 0.5
    truth = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's ρ of a bivariate normal
    inside = 0
    for _ in range(400):
        x = rng.normal(size=25)
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=25)
        found = spearman(x, y)
        inside += found.low <= truth <= found.high
    # 95 % less three standard errors, and the approximation's own error.
    assert inside / 400 > 0.91


@pytest.mark.parametrize(("cells", "levels"), [(FEWEST, 2), (8, 2), (9, 3)])
def test_the_interval_holds_on_a_handful_of_cells_with_few_epsilons(cells, levels):
    # What a suite looks like, and where a percentile bootstrap holds in 50 to 95 of 100.
    rng = np.random.default_rng(0)
    x = np.arange(cells) % levels * 1.0
    inside = 0
    for _ in range(400):
        found = spearman(x, rng.normal(size=cells))
        inside += found.low <= 0 <= found.high
    assert inside / 400 > 0.93


@pytest.mark.parametrize("n", [5, 6])
def test_the_chance_of_an_order_is_scipys(n):
    rng = np.random.default_rng(0)
    for _ in range(3):
        x, y = rng.integers(0, 3, n).astype(float), rng.normal(size=n)
        x[:2] = 0, 1
        theirs = permutation_test(
            (y,),
            lambda z, x=x: spearmanr(x, z).statistic,
            permutation_type="pairings",
            vectorized=False,
            n_resamples=np.inf,
        )
        assert permutation_p(x, y) == pytest.approx(theirs.pvalue)


def test_two_of_all_orders_of_five_are_perfect():
    assert permutation_p(np.arange(5.0), np.arange(5.0)) == pytest.approx(2 / 120)


def test_many_cells_are_shuffled_alike_every_time_and_never_impossible():
    many = np.arange(4.0 * MOST_EXACT)
    assert permutation_p(many, many) == permutation_p(many, many) == pytest.approx(1 / 20_001)
    noise = np.random.default_rng(0).normal(size=len(many))
    assert permutation_p(many, noise) > 0.05
