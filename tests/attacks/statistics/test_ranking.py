"""AUC, TPR at FPR and balanced accuracy: values by hand, intervals by simulation."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from attacks.statistics.evidence import Trials
from attacks.statistics.ranking import auc, balanced_accuracy, tpr_at_fpr

pytestmark = pytest.mark.one_version

scores = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=30)


def trials(members, others, groups=None):
    groups = groups if groups is not None else (None, None)
    return Trials(members, others, "utterance", "observational", *groups)


@given(scores, scores)
def test_auc_counts_pairs_and_half_the_ties(members, others):
    by_hand = np.mean([(m > o) + 0.5 * (m == o) for m in members for o in others])
    found = auc(trials(members, others))
    assert found.value == pytest.approx(by_hand)
    labels = [1] * len(members) + [0] * len(others)
    assert found.value == pytest.approx(roc_auc_score(labels, members + others))
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


@given(scores, st.lists(st.integers(-4, 4).map(float), min_size=5, max_size=60))
def test_tpr_is_the_best_that_a_threshold_reaches(members, others):
    fpr = 0.2
    thresholds = [-np.inf, *members, *others, np.inf]
    by_hand = max(
        np.mean(np.array(members) > t)
        for t in thresholds
        if np.mean(np.array(others) > t) <= fpr + 1e-12
    )
    found = tpr_at_fpr(trials(members, others), fpr)
    assert found.value == pytest.approx(by_hand)
    assert found.low <= found.high


def test_too_few_others_for_the_rate_is_unscored_with_the_number_needed():
    found = tpr_at_fpr(trials(np.ones(500), np.zeros(99)), 0.01)
    assert not found.scored
    assert "needs 100 held-out candidates" in found.method
    assert tpr_at_fpr(trials(np.ones(500), np.zeros(100)), 0.01).scored


@pytest.mark.parametrize("fpr", [0.0, 1.0, -0.1])
def test_rates_out_of_range_are_errors(fpr):
    with pytest.raises(ValueError, match="fpr"):
        tpr_at_fpr(trials([1.0], [0.0]), fpr)


def test_balanced_accuracy_by_hand():
    # The upper four of eight: 3, 4, 5, 9; three of four members and of four others are right.
    found = balanced_accuracy(trials([9.0, 5.0, 4.0, 1.0], [3.0, 2.0, 0.0, -1.0]))
    assert found.value == pytest.approx(0.75)
    assert 0.0 < found.low < 0.75 < found.high < 1.0


def test_balanced_accuracy_of_noise_is_a_half_on_average():
    # The best threshold in hindsight would average about 0.6 here.
    rng = np.random.default_rng(0)
    found = [
        balanced_accuracy(trials(rng.normal(size=25), rng.normal(size=25))).value
        for _ in range(500)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.015)


@pytest.mark.parametrize("measure", [auc, balanced_accuracy, lambda t: tpr_at_fpr(t, 0.05)])
@pytest.mark.parametrize("grouped", [False, True])
def test_perfect_separation_still_has_an_interval(measure, grouped):
    groups = (np.arange(120) % 10, np.arange(120) % 10 + 10) if grouped else None
    found = measure(trials(np.arange(120) + 200.0, np.arange(120) * 1.0, groups))
    assert found.value == 1.0
    assert 0.5 < found.low < 0.99
    assert found.high == pytest.approx(1.0)


@pytest.mark.parametrize("measure", [auc, balanced_accuracy, lambda t: tpr_at_fpr(t, 0.05)])
def test_one_cluster_says_nothing(measure):
    rng = np.random.default_rng(0)
    groups = (np.zeros(30), np.zeros(30))
    found = measure(trials(rng.normal(1, 1, 30), rng.normal(size=30), groups))
    assert (found.low, found.high) == (0.0, 1.0)


def test_few_others_leave_the_lower_end_of_the_tpr_open():
    # With 40 others nothing guarantees a threshold that only 5 % of the population exceed.
    found = tpr_at_fpr(trials(np.arange(40) + 200.0, np.arange(40) * 1.0), 0.05)
    assert (found.value, found.low, found.high) == (1.0, 0.0, 1.0)


def test_single_candidates_have_the_widest_interval():
    found = auc(trials([1.0], [0.0]))
    assert found.value == 1.0
    assert found.low < 0.3


def test_bootstrap_is_the_generators_and_nobody_elses():
    rng = np.random.default_rng(0)
    groups = (rng.integers(0, 20, 100), rng.integers(0, 20, 100))
    game = trials(rng.normal(1, 1, 100), rng.normal(size=100), groups)
    assert auc(game, rng=np.random.default_rng(3)) == auc(game, rng=np.random.default_rng(3))
    assert auc(game, rng=np.random.default_rng(3)) != auc(game, rng=np.random.default_rng(4))
    assert auc(game) == auc(game)


def miss_rate(measure, draw, truth, runs):
    found = [measure(draw()) for _ in range(runs)]
    return np.mean([not estimate.low <= truth <= estimate.high for estimate in found])


@pytest.mark.parametrize(("shift", "n"), [(0.0, 40), (1.0, 40), (3.0, 20)])
def test_auc_intervals_miss_no_more_than_they_may(shift, n):
    rng = np.random.default_rng(0)
    truth = float(norm.cdf(shift / np.sqrt(2)))
    missed = miss_rate(
        auc, lambda: trials(rng.normal(shift, 1, n), rng.normal(size=n)), truth, 1000
    )
    assert missed < 0.07


@pytest.mark.parametrize("n", [100, 1000])
def test_tpr_intervals_allow_for_the_threshold(n):
    rng = np.random.default_rng(0)
    truth = float(norm.sf(norm.isf(0.02) - 1.5))
    missed = miss_rate(
        lambda game: tpr_at_fpr(game, 0.02),
        lambda: trials(rng.normal(1.5, 1, n), rng.normal(size=n)),
        truth,
        500,
    )
    assert missed < 0.06


def test_balanced_accuracy_intervals():
    rng = np.random.default_rng(0)
    truth = float(norm.cdf(0.5))
    missed = miss_rate(
        balanced_accuracy,
        lambda: trials(rng.normal(1, 1, 60), rng.normal(size=60)),
        truth,
        500,
    )
    assert missed < 0.07


def test_clustered_intervals_cover_where_independent_ones_do_not():
    # Speakers differ more than utterances: 24 of them with 20 utterances on one side each.
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(24), 20)
    member = speakers % 2 == 0

    def draw(grouped):
        values = rng.normal(size=24)[speakers] + 0.5 * rng.normal(size=speakers.size)
        groups = (speakers[member], speakers[~member]) if grouped else None
        return trials(values[member], values[~member], groups)

    naive = miss_rate(auc, lambda: draw(grouped=False), 0.5, 200)
    clustered = miss_rate(auc, lambda: draw(grouped=True), 0.5, 60)
    assert naive > 0.3
    assert clustered < 0.15  # 24 speakers are few; the bootstrap is known to be a little short


@pytest.mark.parametrize("measure", [auc, balanced_accuracy, lambda t: tpr_at_fpr(t, 0.25)])
def test_resamples_that_lose_a_side_are_dropped(measure):
    # Two speakers, one on each side: half of all resamples hold one side only.
    rng = np.random.default_rng(0)
    groups = (np.zeros(10), np.ones(10))
    found = measure(trials(rng.normal(1, 1, 10), rng.normal(size=10), groups))
    assert 0.0 <= found.low <= found.high <= 1.0


@settings(max_examples=20, deadline=None)
@given(scores, scores, st.integers(0, 1000))
def test_bootstrap_never_leaves_the_unit_interval(members, others, seed):
    rng = np.random.default_rng(seed)
    groups = (rng.integers(0, 5, len(members)), rng.integers(0, 5, len(others)))
    game = trials(members, others, groups)
    for found in (auc(game), balanced_accuracy(game), tpr_at_fpr(game, 0.5)):
        assert not found.scored or 0.0 <= found.low <= found.high <= 1.0


def test_two_thousand_and_two_thousand_scores_under_a_second(benchmark):
    rng = np.random.default_rng(0)
    groups = (rng.integers(0, 60, 2000), rng.integers(0, 60, 2000))
    game = trials(rng.normal(1, 1, 2000), rng.normal(size=2000), groups)
    for measure in (auc, tpr_at_fpr, balanced_accuracy):
        start = time.process_time()
        measure(game)
        assert time.process_time() - start < 1.0
    benchmark(auc, game)
