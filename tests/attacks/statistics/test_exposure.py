"""Exposure in bits: by rank over a whole space, and extrapolated from a sample of it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, skewnorm

from attacks.statistics.exposure import exposure, extrapolated_exposure, mean_exposure


def test_first_and_last_rank():
    others = np.arange(1023.0)
    assert exposure(5000.0, others) == 10.0
    assert exposure(-1.0, others) == 0.0


@given(
    st.integers(-5, 5).map(float),
    st.lists(st.integers(-5, 5).map(float), max_size=50),
)
def test_rank_by_sorting(canary, others):
    # Pessimistic: the canary stands last among those with its score.
    rank = sorted([canary, *others], reverse=True).index(canary) + others.count(canary) + 1
    expected = math.log2(len(others) + 1) - math.log2(rank)
    assert exposure(canary, others) == pytest.approx(expected)


def test_a_constant_model_exposes_nothing():
    assert exposure(0.0, np.zeros(999)) == 0.0


def test_an_unseen_canary_has_1_44_bits_on_average():
    space = 4096
    bits = [math.log2(space) - math.log2(rank) for rank in range(1, space + 1)]
    assert np.mean(bits) == pytest.approx(1 / math.log(2), abs=0.01)


@pytest.mark.parametrize("shape", [-3.0, 0.0, 1.5, 4.0])
@pytest.mark.parametrize("quantile", [0.5, 1e-3, 1e-6])
def test_extrapolation_finds_the_tail_of_a_skew_normal(shape, quantile):
    references = skewnorm.rvs(shape, loc=-40, scale=7, size=200_000, random_state=0)
    canary = -40 + 7 * skewnorm.isf(quantile, shape)
    assert extrapolated_exposure(canary, references) == pytest.approx(
        -math.log2(quantile), rel=0.07, abs=0.02
    )


def test_extrapolation_survives_where_probabilities_underflow():
    references = norm.rvs(size=100_000, random_state=0)
    found = extrapolated_exposure(45.0, references - references.mean())
    assert math.isfinite(found)
    assert found == pytest.approx(-norm.logsf(45.0) / math.log(2), rel=0.1)


def test_extrapolation_agrees_with_ranks_inside_the_sample():
    references = skewnorm.rvs(2.0, size=20_000, random_state=0)
    canary = float(np.sort(references)[-20])
    assert extrapolated_exposure(canary, references) == pytest.approx(
        exposure(canary, references), abs=0.6
    )


def test_higher_scores_are_never_less_exposed():
    references = skewnorm.rvs(-2.0, size=5_000, random_state=0)
    bits = [extrapolated_exposure(score, references) for score in np.linspace(-4, 12, 60)]
    assert bits == sorted(bits)


@pytest.mark.parametrize(
    ("references", "message"),
    [([1.0, 2.0], "give 10"), ([1.0] * 20, "no spread"), ([math.nan] * 20, "finite")],
)
def test_references_that_cannot_be_fitted_are_errors(references, message):
    with pytest.raises(ValueError, match=message):
        extrapolated_exposure(0.0, references)


def test_mean_exposure_is_an_estimate_with_a_ceiling():
    found = mean_exposure([10.0, 8.0, 9.0, 9.5], 1024)
    assert found.value == pytest.approx(9.125)
    assert found.ceiling == 10.0
    assert 7.5 < found.low < found.value < found.high <= 10.0
    assert found.scored


def test_canaries_that_agree_are_not_certainty():
    found = mean_exposure([10.0] * 20, 1024)
    assert found.high == pytest.approx(10.0)
    # 20 of 20 leave a share of at least 0.832 at 97.5 %.
    assert found.low == pytest.approx(8.32, abs=0.01)
    alone = mean_exposure([4.0], 1024)
    assert alone.low < 0.2
    assert alone.high > 9.8


def test_mean_exposure_covers():
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(500):
        ranks = rng.integers(1, 1025, size=30)
        found = mean_exposure(10 - np.log2(ranks), 1024)
        missed += not found.low <= 1 / math.log(2) - 0.01 <= found.high
    assert missed / 500 < 0.08


@pytest.mark.parametrize("bits", [[], [11.0], [-1.0], [math.nan]])
def test_impossible_exposures_are_errors(bits):
    with pytest.raises(ValueError, match=r"canary|exposures|finite"):
        mean_exposure(bits, 1024)
