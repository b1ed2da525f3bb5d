"""Means and their intervals against scipy and against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from attacks.statistics.means import mean, mean_difference

values = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=2, max_size=20)


@given(values)
def test_a_mean_is_scipys(sample):
    found = mean(sample)
    assert found.value == pytest.approx(np.mean(sample))
    assert found.low <= found.value <= found.high
    if np.ptp(sample) > 1e-6:
        expected = stats.ttest_1samp(sample, 0.0).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-6)
    assert found.level == 0.95


@given(values, values)
def test_a_difference_is_antisymmetric(one, other):
    there, back = mean_difference(one, other), mean_difference(other, one)
    assert there.scored == back.scored
    if there.scored:
        assert (there.value, there.low, there.high) == pytest.approx(
            (-back.value, -back.high, -back.low), abs=1e-9
        )
        assert there.low <= there.value <= there.high
    if there.scored and min(np.ptp(one), np.ptp(other)) > 1e-3:
        expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
        assert (there.low, there.high) == pytest.approx(tuple(expected), abs=1e-6)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, -7.3])
def test_constants_have_no_spread_and_no_warning(constant):
    same = mean_difference([constant] * 3, [0.2] * 5)
    assert same.low == same.high == same.value == pytest.approx(constant - 0.2)
    assert mean([constant] * 3).value == pytest.approx(constant)


@pytest.mark.parametrize("few", [[], [1.0]])
def test_too_few_are_unscored(few):
    assert not mean(few).scored
    assert not mean_difference(few, [1.0, 2.0]).scored
    assert not mean_difference([1.0, 2.0], few).scored


def test_intervals_cover():
    rng = np.random.default_rng(0)
    means = differences = 0
    trials = 400
    for _ in range(trials):
        a, b = rng.normal(1, 1, 8), rng.normal(0, 3, 12)
        one, two = mean(a), mean_difference(a, b)
        means += one.low <= 1 <= one.high
        differences += two.low <= 1 <= two.high
    for covered in (means, differences):
        assert abs(covered / trials - 0.95) < 4 * math.sqrt(0.95 * 0.05 / trials)
