"""Gaps between groups of speakers: right by hand, intervals that hold, Holm by hand."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.cohorts import contrast
from leaderboard.cohorts.contrast import (
    NOTHING_VARIES,
    Area,
    Contrast,
    area,
    area_gap,
    holm,
    rate_gap,
)
from leaderboard.figures.ranks import auc_influence

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
    # By hand: of each side how far the rate is from that without a speaker (the jackknife).
    one = (3 / 10 - 4 / 20) ** 2 + (1 / 10 - 4 / 20) ** 2
    other = (9 / 30 - 14 / 40) ** 2 + (5 / 10 - 14 / 40) ** 2
    assert found.error == pytest.approx(np.sqrt(one / 2 + other / 2))


def test_what_both_rows_find_hard_cancels_out_of_how_much_wider_a_gap_is():
    rng = np.random.default_rng(0)
    plain = counts(np.full(16, 0.3), rng)
    worse = plain.copy()
    worse[0, INSIDE, 0] += 10  # ten points more for the cohort alone
    found = rate_gap([(worse, 1.0), (plain, -1.0)], INSIDE, ~INSIDE)
    assert found.value == pytest.approx(0.1)
    assert found.error == pytest.approx(0, abs=1e-9)
    # Without any spread there is no interval and no test, however clear the gap looks.
    assert found.estimate("test") == NOTHING_VARIES
    same = rate_gap([(plain, 1.0), (plain, -1.0)], INSIDE, ~INSIDE)
    assert (same.value, same.p, same.estimate("test").scored) == (0, 1, True)
    assert rate_gap([(worse, 1.0)], INSIDE, ~INSIDE).error > 0.01


def test_intervals_hold_the_truth_and_no_gap_is_rarely_found_where_there_is_none():
    rng = np.random.default_rng(1)
    rates, held, found = np.full(16, 0.3) + 0.1 * INSIDE, 0, 0
    for _ in range(200):
        gap = rate_gap([(counts(rates, rng), 1.0)], INSIDE, ~INSIDE).estimate("test")
        held += gap.low <= 0.1 <= gap.high
        found += rate_gap([(counts(np.full(16, 0.3), rng), 1.0)], INSIDE, ~INSIDE).p < 0.05
    assert 0.91 < held / 200 < 0.99
    assert 0.01 < found / 200 < by_chance(200)


def test_a_p_value_and_its_interval_say_the_same():
    edge = Contrast(value=2.2281388519649385, error=1.0, freedom=10)
    assert edge.p == pytest.approx(0.05)
    assert edge.estimate("test").low == pytest.approx(0, abs=1e-9)
    assert Contrast(0.0, 0.0, 5).p == 1


def unequal(rng, few, many, spread, skewed, seeds=1):
    """Return counts (S, K, 2) of speakers of one kind, who say unequally much, and a cohort."""
    shape = (few + many,)
    words = np.rint(60 * np.exp(spread * rng.normal(size=shape))) + 5
    normal = np.clip(0.3 + 0.08 * rng.normal(size=shape), 0, 1)
    rates = rng.beta(1, 6, size=shape) if skewed else normal
    errors = rng.binomial(words.astype(int), rates, size=(seeds, *shape))
    return np.stack([errors, np.tile(words, (seeds, 1))], axis=-1).astype(float), np.arange(
        few + many
    ) < few


def by_chance(simulations):
    """Return the share that 0.05 is not above but once in a thousand times."""
    return 0.05 + 3 * np.sqrt(0.05 * 0.95 / simulations)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize(
    ("few", "many", "spread"), [(3, 5, 0.5), (3, 40, 0.5), (8, 40, 0.5), (8, 40, 1.0)]
)
def test_speakers_who_say_unequally_much_are_told_apart_by_chance_as_often_as_is_said(
    monkeypatch, few, many, spread, skewed, seeds
):
    monkeypatch.setattr(contrast, "PERMUTATIONS", 199)
    rng, found, simulations = np.random.default_rng(2), 0, 600 // seeds
    for _ in range(simulations):
        table, inside = unequal(rng, few, many, spread, skewed, seeds)
        found += rate_gap([(table, 1.0)], inside, ~inside).p <= 0.05
    assert found / simulations < by_chance(simulations)


def test_a_gap_that_permutations_often_make_is_none():
    # One speaker of three is far worse: where they are is chance.
    errors = np.array([[30, 10, 11, 10, 12, 9, 10, 11]], dtype=float)
    table = np.stack([errors, np.full_like(errors, 100)], axis=-1)
    inside = np.arange(8) < 3
    found = rate_gap([(table, 1.0)], inside, ~inside)
    assert found.p >= found.permutation_p > 0.1
    assert found.permutation_p * 56 == pytest.approx(round(found.permutation_p * 56))  # all ways
    apart = np.where(np.arange(8) < 3, 40.0, 10.0) + np.arange(8)
    table = np.stack([apart[None], np.full((1, 8), 100.0)], axis=-1)
    assert rate_gap([(table, 1.0)], inside, ~inside).permutation_p == pytest.approx(1 / 56)


def test_the_same_table_has_the_same_p():
    table, inside = unequal(np.random.default_rng(3), 8, 40, 0.5, True)
    first, again = (rate_gap([(table, 1.0)], inside, ~inside) for _ in range(2))
    assert first == again
    assert first.permutation_p >= 1 / 1000


def seeds_of(rng, speakers, seeds=1, each=30, of_speaker=0.0, of_seed=0.0, name="s", spread=0.0):
    """Return the areas of seeds with the same speakers, of whom each leaks more or less."""
    sizes = np.rint(each * np.exp(spread * rng.normal(size=speakers))).clip(4)
    who = np.repeat(np.arange(speakers), sizes.astype(int))
    own = 0.5 + of_speaker * rng.normal(size=speakers)
    found = []
    for _ in range(seeds):
        members = rng.integers(2, size=len(who)) == 1
        leak = own[who] + of_seed * rng.normal()
        value, moved = auc_influence(rng.normal(size=len(who)) + leak * members, members)
        names = [f"{name}{n}" for n in range(len(who))]
        speakers_of = {n: f"{name}-{w}" for n, w in zip(names, who, strict=True)}
        found.append(Area(value, dict(zip(names, moved, strict=True)), speakers_of))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("few", "many", "spread", "seeds"),
    [(3, 8, 0.0, 1), (3, 8, 0.5, 3), (8, 30, 0.0, 1), (8, 30, 0.5, 3), (8, 30, 1.0, 1)],
)
def test_cohorts_that_leak_alike_are_told_apart_as_often_as_is_said(few, many, spread, seeds):
    rng, found = np.random.default_rng(3), 0
    simulations = 300 // seeds
    for _ in range(simulations):
        one, other = (
            seeds_of(rng, n, seeds, of_speaker=0.5, name=s, spread=spread)
            for n, s in ((few, "a"), (many, "b"))
        )
        found += area_gap(one, other).p < 0.05
    assert found / simulations < by_chance(simulations)


def test_seeds_do_not_make_the_speakers_more():
    rng = np.random.default_rng(4)
    one = seeds_of(rng, 10, each=100, of_speaker=0.5)
    again = area(one * 3)  # three seeds that found the same
    assert again.value == pytest.approx(area(one).value)
    assert again.error == pytest.approx(area(one).error)
    assert again.freedom == pytest.approx(9)
    apart = area(seeds_of(rng, 10, 3, each=100, of_speaker=0.5, of_seed=1.0))
    assert apart.error > again.error


def test_at_an_area_of_one_nothing_is_tested():
    members = np.arange(40) % 2 == 0
    value, moved = auc_influence(members.astype(float), members)
    who = {str(n): f"v{n % 5}" for n in range(40)}
    perfect = Area(value, dict(zip(who, moved.tolist(), strict=True)), who)
    other = seeds_of(np.random.default_rng(5), 5)
    assert value == 1
    assert area_gap([perfect], other).estimate("test") == NOTHING_VARIES
    assert not area([perfect]).varies


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
