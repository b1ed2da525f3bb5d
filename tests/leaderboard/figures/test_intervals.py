"""Intervals over seeds and speakers: what they reduce to, and how often they hold the truth."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from leaderboard.figures.intervals import (
    bound_over_seeds,
    mean_over_seeds,
    rate,
    rate_difference,
    student,
    widened,
)
from targets.core.estimate import Estimate

WORDS = 100.0


def counts(rates):
    """Return counts (S, K, 2) of given rates (S, K): so many errors in a hundred words."""
    rates = np.asarray(rates, dtype=float)
    return np.stack([WORDS * rates, np.full_like(rates, WORDS)], axis=-1)


def drawn(rng, seeds, speakers, of_seed, of_speaker, rest):
    """Return rates (S, K) around 0.3 with effects of seed, of speaker and of both."""
    return (
        0.3
        + of_seed * rng.normal(size=(seeds, 1))
        + of_speaker * rng.normal(size=(1, speakers))
        + rest * rng.normal(size=(seeds, speakers))
    )


def test_the_rate_is_of_words_and_the_mean_is_of_seeds():
    two = np.array([[[1.0, 10.0], [9.0, 10.0]], [[0.0, 90.0], [20.0, 10.0]]])
    assert rate(two).value == pytest.approx((0.5 + 0.2) / 2)


@pytest.mark.parametrize(
    ("seeds", "speakers", "of_seed", "of_speaker", "rest", "least"),
    [
        (1, 8, 0.0, 0.06, 0.02, 0.92),
        (3, 8, 0.011, 0.06, 0.02, 0.92),
        (
            3,
            16,
            0.03,
            0.02,
            0.02,
            0.89,
        ),  # degrees of freedom are guessed from three
    ],
)
def test_it_holds_the_truth_as_often_as_it_says(seeds, speakers, of_seed, of_speaker, rest, least):
    rng, held, trials = np.random.default_rng(1), 0, 300
    for _ in range(trials):
        found = rate(counts(drawn(rng, seeds, speakers, of_seed, of_speaker, rest)))
        held += found.low <= 0.3 <= found.high
    assert held / trials >= least


def test_a_difference_is_paired():
    """What is hard for both cancels: the truth is held by an interval a tenth as wide."""
    rng, held, trials, widths = np.random.default_rng(2), 0, 300, []
    for _ in range(trials):
        shared = drawn(rng, 3, 8, 0.0, 0.1, 0.0)
        one, other = (
            counts(shared + less + drawn(rng, 3, 8, 0.005, 0.005, 0.005)) for less in (0.05, 0)
        )
        found = rate_difference(one, other)
        held += found.low <= 0.05 <= found.high
        widths.append((found.high - found.low) / (rate(one).high - rate(one).low))
    assert held / trials >= 0.92
    assert np.mean(widths) < 0.2


def test_without_a_difference_it_is_not_excluded():
    rng, trials = np.random.default_rng(3), 300
    pairs = ([counts(drawn(rng, 1, 8, 0.0, 0.05, 0.03)) for _ in range(2)] for _ in range(trials))
    wrong = sum(not found.low <= 0 <= found.high for found in (rate_difference(*p) for p in pairs))
    assert wrong / trials <= 0.08
    same = counts(drawn(rng, 2, 8, 0.01, 0.05, 0.03))
    nothing = rate_difference(same, same)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


def test_of_one_seed_it_is_the_bootstrap_over_speakers_widened():
    """Against a slow bootstrap, one resample at a time."""
    rng = np.random.default_rng(4)
    one, other = (counts(drawn(rng, 1, 8, 0.0, 0.05, 0.03)) for _ in range(2))
    slow = []
    for _ in range(4_000):
        chosen = rng.integers(8, size=8)
        sides = (c[0, chosen].sum(axis=0) for c in (one, other))
        first, second = (errors / words for errors, words in sides)
        slow.append(first - second)
    found = rate_difference(one, other)
    factor = math.sqrt(8 / 7) * stats.t.ppf(0.975, 7) / stats.norm.ppf(0.975)
    low, high = found.value + factor * (np.quantile(slow, [0.025, 0.975]) - found.value)
    assert found.low == pytest.approx(low, abs=0.006)
    assert found.high == pytest.approx(high, abs=0.006)
    assert "8 speakers, widened" in found.method


def test_seeds_that_agree_leave_the_speakers_and_the_other_way_round():
    rng = np.random.default_rng(5)
    speakers = 0.3 + 0.05 * rng.normal(size=(1, 8))
    once, thrice = rate(counts(speakers)), rate(counts(np.tile(speakers, (3, 1))))
    assert thrice.high - thrice.low == pytest.approx(once.high - once.low, rel=0.02)
    seeds = np.array([[0.2], [0.3], [0.4]])
    found = rate(counts(np.tile(seeds, (1, 8))))
    half = stats.t.ppf(0.975, 2) * 0.1 / math.sqrt(3)
    # A bootstrap of three has three values at most from its middle: wide enough on average.
    assert found.high - found.low == pytest.approx(2 * half, rel=0.15)


def test_one_speaker_has_no_interval_and_a_rate_is_never_below_nothing():
    assert math.isnan(rate(counts([[0.2]])).low)
    assert rate(counts([[0.0, 0.0, 0.01, 0.3]])).low == 0


def measured(value, half, level=0.95, **more):
    return Estimate(value, value - half, value + half, level, "own", **more)


def test_a_mean_over_seeds_holds_seeds_and_each_ones_own():
    alike = mean_over_seeds([measured(0.5, 0.04)] * 4)
    assert (alike.low, alike.high) == pytest.approx((0.48, 0.52))
    # Nothing but spread: Student's t over the seeds.
    apart = mean_over_seeds([measured(v, 0.0) for v in (0.4, 0.5, 0.6)])
    half = stats.t.ppf(0.975, 2) * 0.1 / math.sqrt(3)
    assert (apart.low, apart.high) == pytest.approx((0.5 - half, 0.5 + half))
    shared = mean_over_seeds([measured(0.5, 0.04)] * 4, shared=True)
    assert (shared.low, shared.high) == pytest.approx((0.46, 0.54))


def test_it_holds_the_mean_as_often_as_it_says():
    rng, z = np.random.default_rng(6), NormalDist().inv_cdf(0.975)
    for own, between in ((0.02, 0.0), (0.02, 0.02), (0.005, 0.02)):
        held = 0
        for _ in range(500):
            values = 0.6 + own * rng.normal(size=3) + between * rng.normal(size=3)
            found = mean_over_seeds([measured(v, z * own) for v in values])
            held += found.low <= 0.6 <= found.high
        assert held / 500 >= 0.88


def test_what_is_unscored_does_not_count():
    one = measured(0.5, 0.1, ceiling=9.0)
    assert mean_over_seeds([one, Estimate.unscored("no")]) == one
    assert mean_over_seeds([Estimate.unscored("no")] * 2).method == "unscored: no"
    assert not mean_over_seeds([]).scored
    kept = mean_over_seeds([measured(0.1, 0.5, ceiling=1.0), measured(0.9, 0.5, ceiling=1.0)], 0.0)
    assert (kept.low, kept.high, kept.ceiling) == (0.0, 1.0, 1.0)


def bound(value, ceiling=5.0):
    return Estimate(value, value, math.inf, 0.95, "one-run", ceiling)


@pytest.mark.parametrize(("seeds", "place"), [(1, 1), (2, 2), (3, 2), (7, 2), (8, 3)])
def test_a_bound_of_several_seeds_is_as_certain_as_one(seeds, place):
    bounds = [bound(float(n), 9.0 + n) for n in range(seeds)]
    found = bound_over_seeds(bounds)
    assert found.value == found.low == seeds - place
    assert found.ceiling == 9.0 + seeds - place
    assert stats.binom.sf(place - 1, seeds, 0.05) <= 0.05
    if place > 1:
        assert stats.binom.sf(place - 2, seeds, 0.05) > 0.05


def test_an_interval_of_the_largest_of_several():
    one = measured(0.6, 0.05)
    assert widened(one, 1) is one
    two = widened(one, 2)
    assert two.level == pytest.approx(0.975)
    # Near the middle the logit scale is almost straight.
    factor = stats.norm.ppf(1 - 0.0125) / stats.norm.ppf(0.975)
    assert two.high - two.low == pytest.approx(0.1 * factor, rel=0.01)
    edge = widened(Estimate(0.99, 0.97, 0.998, 0.95, "own"), 10)
    assert 0.9 < edge.low < 0.97
    assert 0.998 < edge.high < 1
    perfect = widened(Estimate(1.0, 0.9, 1.0, 0.95, "own"), 2)
    assert perfect.low < 0.9
    assert perfect.high == 1
    nothing = Estimate.unscored("no")
    assert widened(nothing, 3) is nothing


def test_the_largest_of_pure_noise_is_rarely_above_chance():
    """Five attacks that know nothing: the interval of the best excludes 0.5 once in twenty."""
    rng, wrong, trials, own = np.random.default_rng(7), 0, 2_000, 0.02
    half = NormalDist().inv_cdf(0.975) * own
    for _ in range(trials):
        best = max(0.5 + own * rng.normal(size=5))
        found = widened(measured(best, half), 5)
        wrong += not found.low <= 0.5 <= found.high
    assert wrong / trials <= 0.05 + 0.015


def test_the_quantile_is_students():
    for freedom in (1, 2.5, 30):
        assert student(freedom, 0.95) == pytest.approx(stats.t.ppf(0.975, freedom))
    assert student(math.inf, 0.9) == pytest.approx(stats.norm.ppf(0.95))
