"""LiRA and RMIA against slow re-implementations and simulated models of known leakage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from attacks.membership.likelihood_ratios import (
    OFFSETS,
    _log_density,
    _prior,
    in_turn,
    lira_offline,
    lira_online,
    logit_confidence,
    rank_accuracy,
    rmia,
    rmia_ratio,
    tuned_offset,
)


def simulated(seed, models=8, candidates=400, gap=2.0, unequal=0.0):
    """Return a target's signals, its coins, references and their coins: normal, a gap apart.

    Where `unequal`, candidates differ in how far their signals spread.
    """
    rng = np.random.default_rng(seed)
    heads = rng.random((models + 1, candidates)) < 0.5
    difficulty = rng.normal(0, 5, candidates)
    spread = np.exp(unequal * rng.normal(size=candidates)) if unequal else 1.0
    signals = difficulty + spread * (gap * heads + rng.normal(size=heads.shape))
    return signals[0], heads[0], signals[1:], heads[1:]


def pooled(references, chosen):
    """Return the within-candidate standard deviation, one candidate at a time."""
    squares, freedom = 0.0, 0
    for column, mask in zip(references.T, chosen.T, strict=True):
        if mask.sum() > 1:
            squares += column[mask].var() * mask.sum()
            freedom += mask.sum() - 1
    return math.sqrt(squares / freedom)


def test_lira_is_the_ratio_of_two_normal_densities():
    signal, _, references, included = simulated(0, candidates=50)
    spread_in, spread_out = pooled(references, included), pooled(references, ~included)
    online = lira_online(signal, references, included)
    offline = lira_offline(signal, references, included)
    for n, (column, mask) in enumerate(zip(references.T, included.T, strict=True)):
        if not mask.any() or mask.all():
            continue
        # A mean of n has an error of its own: one n-th of the variance.
        wide_in, wide_out = (
            spread * math.sqrt(1 + 1 / side.sum())
            for spread, side in ((spread_in, mask), (spread_out, ~mask))
        )
        likely_in = norm.logpdf(signal[n], column[mask].mean(), wide_in)
        likely_out = norm.logpdf(signal[n], column[~mask].mean(), wide_out)
        assert online[n] == pytest.approx(likely_in - likely_out)
        assert norm.cdf(offline[n]) == pytest.approx(
            norm.cdf(signal[n], column[~mask].mean(), wide_out)
        )


def test_unequal_variances_are_learnt_and_equal_ones_pooled():
    """Simulated: an inverse chi-square prior of known freedom, found again from a few models."""
    rng = np.random.default_rng(4)
    freedom = np.full(20_000, 6.0)
    variances = 5 / rng.chisquare(5, len(freedom)) * 2.0
    squares = variances * rng.chisquare(6, len(freedom))
    prior, scale = _prior(squares, freedom)
    assert prior == pytest.approx(5, rel=0.1)
    assert scale == pytest.approx(2.0, rel=0.05)
    # Smyth's shrunk variances lie nearer to the truth than each candidate's own, or one for all.
    shrunk = (prior * scale + squares) / (prior + freedom)
    errors = [np.log(guess / variances).std() for guess in (shrunk, squares / freedom, 1.0)]
    assert errors[0] < 0.9 * min(errors[1:])
    equal = rng.chisquare(6, 20_000)
    assert _prior(equal, freedom)[0] > 100
    assert _prior(equal[:10], freedom[:10]) == (math.inf, 1.0)


def test_densities_are_students():
    values, means, variances = np.array([0.3, -2.0]), np.array([0.0, 1.0]), np.array([0.5, 4.0])
    for freedom, law in ((3.0, student(3)), (math.inf, norm)):
        found = _log_density(values, means, variances, np.full(2, freedom))
        exact = law.logpdf((values - means) / np.sqrt(variances)) - np.log(variances) / 2
        assert np.ptp(exact - found) == pytest.approx(0.0, abs=1e-12)


def test_whoever_spreads_far_is_accused_less_rashly():
    """Against pooled variances: more members found at a false positive rate of 1 %."""
    gains = []
    for seed in range(4):
        signal, heads, references, included = simulated(seed, gap=4.0, unequal=0.7)
        both = included.any(0) & ~included.all(0)
        signal, heads, references, included = (
            x[..., both] for x in (signal, heads, references, included)
        )
        misfits = [
            np.square(signal - (references * side).sum(0) / side.sum(0))
            / pooled(references, side) ** 2
            for side in (included, ~included)
        ]
        found = [
            np.mean(scores[heads] > np.quantile(scores[~heads], 0.99))
            for scores in (misfits[1] - misfits[0], lira_online(signal, references, included))
        ]
        gains.append(found[1] - found[0])
    assert np.mean(gains) > 0.05


def test_lira_comes_near_the_best_that_anyone_could_do():
    signal, heads, references, included = simulated(1, models=64, candidates=4_000)
    best = norm.cdf(2.0 / math.sqrt(2))
    online, offline = (
        rank_accuracy(statistic(signal, references, included), heads)
        for statistic in (lira_online, lira_offline)
    )
    assert online == pytest.approx(best, abs=0.02)
    assert offline == pytest.approx(best, abs=0.02)
    # The signal alone drowns in how hard the candidates are.
    assert rank_accuracy(signal, heads) < 0.65


@pytest.mark.parametrize("statistic", [lira_online, lira_offline])
def test_a_toss_that_fell_on_one_side_alone_leaves_a_finite_score(statistic):
    signal, _, references, included = simulated(2, models=2, candidates=40)
    included[:, :5], included[:, 5:10] = True, False
    assert np.isfinite(statistic(signal, references, included)).all()
    assert np.isfinite(statistic(signal, references, np.ones_like(included))).all()
    assert np.isfinite(statistic(signal, references, np.zeros_like(included))).all()


def test_of_one_sided_references_the_missing_side_is_a_typical_gap_away():
    references = np.array([[0.0, 0.0, 5.0], [4.0, 0.2, 5.2], [4.2, 4.0, 5.1]])
    included = np.array([[False, False, True], [True, False, True], [True, True, True]])
    low, high = (lira_online(np.array([0.0, 0.0, x]), references, included)[2] for x in (1.1, 5.1))
    assert low < 0 < high


def test_logits_of_confidence():
    losses = np.array([[0.01, math.log(2)], [3.0, 40.0]])
    p = np.exp(-losses)
    np.testing.assert_allclose(logit_confidence(losses), np.log(p / (1 - p)), atol=1e-9)
    assert np.isfinite(logit_confidence(np.zeros(1))).all()


def test_the_ratio_of_rmia_by_hand():
    confidence = np.array([0.8])
    references = np.array([[0.9], [0.7], [0.2], [0.4]])
    included = np.array([[True], [True], [False], [False]])
    assert rmia_ratio(confidence, references, included, None) == pytest.approx(0.8 / 0.55)
    assert rmia_ratio(confidence, references, included, 1.0) == pytest.approx(0.8 / 0.3)
    assert rmia_ratio(confidence, references, included, 0.0) == pytest.approx(0.8 / 0.65)
    assert rmia_ratio(confidence, references, included, 0.5) == pytest.approx(0.8 / 0.475)


@pytest.mark.parametrize("strictness", [1.0, 2.0])
def test_rmia_counts_whom_a_candidate_beats(strictness):
    ratios = np.random.default_rng(0).choice([0.5, 1.0, 2.0, 3.0], size=30)
    others = np.random.default_rng(1).choice([0.5, 1.0, 2.0], size=20)
    beaten = ratios[:, None] / others
    slow = ((beaten > strictness) + (beaten == strictness) / 2).mean(axis=1)
    np.testing.assert_allclose(rmia(ratios, others, strictness), slow)
    assert (rmia(ratios, np.zeros(0)) == 0).all()


def test_the_offset_is_tuned_to_how_memory_shows():
    rng = np.random.default_rng(3)
    included = rng.random((6, 300)) < 0.5
    base = rng.uniform(0.001, 0.4, 300)
    noise = np.exp(0.05 * rng.normal(size=included.shape))
    tripled = np.where(included, 2 * base, base) * noise
    assert tuned_offset(tripled, included) > 0.8
    quality = {
        offset: np.mean(
            [
                rank_accuracy(rmia_ratio(*turn, offset), heads)
                for turn, heads in in_turn(tripled, included)
            ]
        )
        for offset in OFFSETS
    }
    assert quality[tuned_offset(tripled, included)] == max(quality.values())


def test_in_turn_the_target_is_not_its_own_reference():
    signals, included = np.arange(12.0).reshape(3, 4), np.eye(3, 4, dtype=bool)
    for k, (turn, heads) in enumerate(in_turn(signals, included)):
        assert (turn.signal == signals[k]).all()
        assert (heads == included[k]).all()
        assert len(turn.references) == 2
        assert not (turn.references == signals[k]).all(axis=1).any()
        assert (turn.included == np.delete(included, k, axis=0)).all()


def test_rank_accuracy_is_the_share_of_ordered_pairs():
    rng = np.random.default_rng(4)
    scores, heads = rng.integers(0, 5, 40).astype(float), rng.random(40) < 0.5
    pairs = [(a > b) + (a == b) / 2 for a in scores[heads] for b in scores[~heads]]
    assert rank_accuracy(scores, heads) == pytest.approx(np.mean(pairs))
    assert rank_accuracy(scores, np.ones(40, bool)) == 0.5
