"""Gaps between groups of speakers: right by hand, intervals that hold, Holm by hand."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.cohorts.contrast import Contrast, holm, mean_of, rate_gap

INSIDE = np.arange(16) < 6


def counts(rates, rng, words=100):
    """Return counts (1, K, 2) of speakers about the rates (K,): each has their own difficulty."""
    own = np.clip(rates + 0.05 * rng.normal(size=len(rates)), 0, 1)
    errors = rng.binomial(words, own, size=(1, len(rates)))
    return np.stack([errors, np.full_like(errors, words)], axis=-1).astype(float)


def test_a_gap_is_the_difference_of_the_rates_of_all_words():
    table = np.array([[[1, 10], [3, 10], [5, 10], [9, 30]]], dtype=float)
    inside = np.array([True, True, False, False])
    found = rate_gap([(table, 1.0)], inside, ~inside)
    assert found.value == pytest.approx(4 / 20 - 14 / 40)
    # By hand: of each side the squares of what a speaker moves the rate, over n (n - 1).
    one = ((1 - 2) / 10) ** 2 + ((3 - 2) / 10) ** 2
    other = ((5 - 3.5) / 20) ** 2 + ((9 - 10.5) / 20) ** 2
    assert found.error == pytest.approx(np.sqrt(one / 2 + other / 2))


def test_what_both_rows_find_hard_cancels_out_of_how_much_wider_a_gap_is():
    rng = np.random.default_rng(0)
    plain = counts(np.full(16, 0.3), rng)
    worse = plain.copy()
    worse[0, INSIDE, 0] += 10  # ten points more for the cohort alone
    found = rate_gap([(worse, 1.0), (plain, -1.0)], INSIDE, ~INSIDE)
    assert found.value == pytest.approx(0.1)
    assert found.error == pytest.approx(0, abs=1e-9)
    assert rate_gap([(worse, 1.0)], INSIDE, ~INSIDE).error > 0.01


def test_intervals_hold_the_truth_and_no_gap_is_rarely_found_where_there_is_none():
    rng = np.random.default_rng(1)
    rates, held, found = np.full(16, 0.3) + 0.1 * INSIDE, 0, 0
    for _ in range(400):
        gap = rate_gap([(counts(rates, rng), 1.0)], INSIDE, ~INSIDE).estimate("test")
        held += gap.low <= 0.1 <= gap.high
        found += rate_gap([(counts(np.full(16, 0.3), rng), 1.0)], INSIDE, ~INSIDE).p < 0.05
    assert 0.92 < held / 400 < 0.98
    assert 0.02 < found / 400 < 0.08


def test_a_p_value_and_its_interval_say_the_same():
    edge = Contrast(value=2.2281388519649385, error=1.0, freedom=10)
    assert edge.p == pytest.approx(0.05)
    assert edge.estimate("test").low == pytest.approx(0, abs=1e-9)
    assert Contrast(0.0, 0.0, 5).p == 1


def test_the_mean_of_seeds_is_surer_where_they_agree_and_less_where_they_do_not():
    alike = mean_of([Contrast(0.1, 0.05, 10), Contrast(0.1, 0.05, 10)])
    assert alike.error == pytest.approx(0.05 / 2**0.5)
    assert alike.freedom == 20
    apart = mean_of([Contrast(0.0, 0.01, 10), Contrast(0.4, 0.01, 10)])
    assert apart.error == pytest.approx(0.2)
    assert apart.freedom < 1.1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.2], [0.2]),
        ([0.9, 0.8], [1.0, 1.0]),
        ([], []),
    ],
)
def test_holm_by_hand(given, expected):
    assert holm(given) == pytest.approx(expected)
