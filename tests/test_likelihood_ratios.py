"""LiRA and RMIA against slow re-implementations and simulated models of known leakage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from attacks.likelihood_ratios import (
    OFFSETS,
    in_turn,
    lira_offline,
    lira_online,
    logit_confidence,
    rank_accuracy,
    rmia,
    rmia_ratio,
    tuned_offset,
)


def simulated(seed, models=8, candidates=400, gap=2.0):
    """Return a target's signals, its coins, references and their coins: normal, a gap apart."""
    rng = np.random.default_rng(seed)
    heads = rng.random((models + 1, candidates)) < 0.5
    difficulty = rng.normal(0, 5, candidates)
    signals = difficulty + gap * heads + rng.normal(size=heads.shape)
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
        likely_in = norm.logpdf(signal[n], column[mask].mean(), spread_in)
        likely_out = norm.logpdf(signal[n], column[~mask].mean(), spread_out)
        assert online[n] == pytest.approx(likely_in - likely_out)
        assert norm.cdf(offline[n]) == pytest.approx(
            norm.cdf(signal[n], column[~mask].mean(), spread_out)
        )


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
