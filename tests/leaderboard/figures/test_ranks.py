"""The paired difference of two AUCs: exact in value, and right as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.statistics.evidence import Trials
from attacks.statistics.ranking import auc
from leaderboard.figures.ranks import auc_difference, auc_influence, clustered_error


def area(scores, members):
    return auc(Trials(scores[members], scores[~members], "utterance", "one_run")).value


def game(rng, speakers=40, each=10, leak=0.0, more=0.0, of_speaker=0.5):
    """Return two targets' scores, coins and speakers; the first leaks `more` than the second."""
    count = speakers * each
    members = rng.integers(2, size=count) == 1
    clusters = np.repeat(np.arange(speakers), each)
    hard = 3 * rng.normal(size=count)  # what both find hard
    own = [of_speaker * rng.normal(size=speakers)[clusters] for _ in range(2)]
    scores = [hard + o + 0.5 * rng.normal(size=count) + leak * members for o in own]
    return scores[0] + more * members, scores[1], members, clusters


def test_the_value_is_the_difference_of_the_areas():
    rng = np.random.default_rng(0)
    one, other, members, clusters = game(rng, leak=1.0, more=0.5)
    one, other = np.round(one), np.round(other)  # ties count half
    found = auc_difference(one, other, members, clusters)
    assert found.value == pytest.approx(area(one, members) - area(other, members))
    nothing = auc_difference(one, one, members, clusters)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


def test_each_by_itself_it_is_delongs():
    """A constant has an area of one half: what is left is one area, whose interval is known."""
    rng = np.random.default_rng(1)
    scores, _, members, _ = game(rng, of_speaker=0.0)
    found = auc_difference(scores, np.zeros_like(scores), members, np.arange(len(scores)))
    alone = auc(Trials(scores[members], scores[~members], "utterance", "one_run"))
    assert found.value == pytest.approx(alone.value - 0.5)
    assert found.high - found.low == pytest.approx(alone.high - alone.low, rel=0.02)


@pytest.mark.parametrize("of_speaker", [0.0, 1.0])
def test_equal_targets_are_told_apart_once_in_twenty(of_speaker):
    rng, wrong, trials = np.random.default_rng(2), 0, 400
    for _ in range(trials):
        found = auc_difference(*game(rng, of_speaker=of_speaker))
        wrong += not found.low <= 0 <= found.high
    assert 0.02 <= wrong / trials <= 0.085


def test_it_sees_what_two_intervals_hide():
    rng = np.random.default_rng(3)
    one, other, members, clusters = game(rng, leak=0.0, more=0.3, of_speaker=0.0)
    found = auc_difference(one, other, members, clusters)
    assert found.low > 0
    apart = [auc(Trials(s[members], s[~members], "utterance", "one_run")) for s in (one, other)]
    assert apart[0].low < apart[1].high


def test_one_speaker_is_too_few():
    rng = np.random.default_rng(4)
    one, other, members, _ = game(rng, speakers=1)
    assert not auc_difference(one, other, members, np.zeros(len(one), dtype=int)).scored


def test_the_error_of_one_area_by_hand():
    scores, members = np.array([3.0, 1.0, 2.0, 0.0]), np.array([True, True, False, False])
    value, influence = auc_influence(scores, members)
    # Members are above 2 and 1 of the two others, the others below 1 and 2 of the two members.
    assert value == 0.75
    assert influence == pytest.approx([0.125, -0.125, -0.125, 0.125])
    # DeLong: S10 / m + S01 / n, each a variance of 1 and 1/2, over two; one factor for all here.
    variance = (0.125 / 2 + 0.125 / 2) / 1
    assert clustered_error(influence, np.arange(4)) == pytest.approx(
        np.sqrt(variance * (4 / 3) / (2 / 1))
    )
    # The first two of one speaker cancel out, and so do the last two.
    assert clustered_error(influence, np.array([0, 0, 1, 1])) == 0
    assert clustered_error(influence, np.array([0, 1, 1, 0])) == pytest.approx(0.5)
