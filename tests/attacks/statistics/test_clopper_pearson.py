"""The bound for independent trials against its pins, SciPy's own limits and its refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from attacks.statistics.clopper_pearson import (
    ANCHORS,
    Limits,
    clopper_pearson_bound,
    epsilon_from_limits,
    upper_limit,
)
from attacks.statistics.evidence import Trials
from attacks.statistics.pairs import SHARE, epsilon_from_auc, pair_limit


def limits(fpr, fnr):
    return Limits(np.array([fpr]), np.array([fnr]))


@pytest.mark.parametrize(
    ("n", "expected"),
    [(50, 2.57), (100, 3.28), (250, 4.21), (500, 4.91), (1000, 5.60), (5000, 7.21)],
)
def test_pinned_ceilings_of_a_fixed_threshold(n, expected):
    rate = upper_limit(0, n, 0.025)
    assert epsilon_from_limits(limits(rate, rate), 0.0) == pytest.approx(expected, abs=5e-3)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_upper_limit_is_scipys(counts):
    errors, n = counts
    theirs = binomtest(errors, n).proportion_ci(0.95, "exact").high
    assert upper_limit(errors, n, 0.025) == pytest.approx(theirs, rel=1e-9)


@given(st.integers(1, 40), st.floats(0.001, 0.2))
def test_upper_limit_by_its_definition(n, alpha):
    for errors in range(n):
        rate = upper_limit(errors, n, alpha)
        assert binom.cdf(errors, n, rate) == pytest.approx(alpha, rel=1e-6)


@settings(deadline=None)
@given(
    st.lists(st.integers(-5, 9), min_size=1, max_size=40),
    st.lists(st.integers(-9, 5), min_size=1, max_size=40),
    st.sampled_from([0.0, 1e-3]),
)
def test_bound_agrees_with_counting_by_hand(members, others, delta):
    alpha = 0.05 * (1 - SHARE)  # pairs have the rest
    out_errors = sorted({math.floor(share * len(others)) for share in ANCHORS})
    in_errors = sorted({math.floor(share * len(members)) for share in ANCHORS})
    each = alpha / 2 / (len(out_errors) + len(in_errors))
    pairs = []
    for k in out_errors:
        threshold = sorted(others, reverse=True)[k]
        missed = sum(score <= threshold for score in members)
        pairs.append((upper_limit(k, len(others), each), upper_limit(missed, len(members), each)))
    for k in in_errors:
        threshold = sorted(members)[k]
        alarms = sum(score >= threshold for score in others)
        pairs.append((upper_limit(alarms, len(others), each), upper_limit(k, len(members), each)))
    ratios = [r for p, n in pairs for r in ((1 - n - delta) / p, (1 - p - delta) / n)]
    expected = max(0.0, *(math.log(r) for r in ratios if r > 0), 0.0)
    trials = Trials(members, others, "utterance", "many_runs")
    found = clopper_pearson_bound(trials, delta=delta)
    ordered = epsilon_from_auc(pair_limit(trials, 0.05 * SHARE), delta)
    assert found.low == pytest.approx(max(expected, ordered), abs=1e-12)
    assert found.low <= found.ceiling


def test_perfect_scores_reach_the_ceiling_and_reversed_scores_prove_nothing():
    high, low = np.arange(500) + 1000.0, np.arange(500) * 1.0
    perfect = clopper_pearson_bound(Trials(high, low, "utterance", "many_runs"), delta=0.0)
    assert perfect.low == perfect.ceiling
    # Pairs, at half of the error, reach the 4.91 of a single threshold; eight of them 4.45.
    assert perfect.ceiling == pytest.approx(4.91, abs=0.01)
    assert clopper_pearson_bound(Trials(low, high, "utterance", "many_runs"), delta=0.0).low == 0.0


def test_an_attack_that_is_sure_of_few_members_is_seen():
    # 5 % of members stand out, the rest look like everybody else: only low FPR shows it.
    rng = np.random.default_rng(0)
    members = rng.normal(size=5000) + 20 * (rng.random(5000) < 0.05)
    trials = Trials(members, rng.normal(size=5000), "utterance", "many_runs")
    assert clopper_pearson_bound(trials, delta=0.0).low > 2.5


def test_split_is_reproducible_and_close_to_its_own_ceiling_on_perfect_scores():
    rng = np.random.default_rng(0)
    trials = Trials(rng.normal(50, 1, 400), rng.normal(0, 1, 400), "utterance", "many_runs")
    with pytest.raises(ValueError, match="generator"):
        clopper_pearson_bound(trials, delta=0.0, correction="split")
    first, second = (
        clopper_pearson_bound(trials, delta=0.0, correction="split", rng=np.random.default_rng(1))
        for _ in range(2)
    )
    assert first == second
    assert (
        first.low == first.ceiling == pytest.approx(math.log((1 - 0.018276) / 0.018276), abs=1e-3)
    )


def test_dependent_trials_would_fool_it():
    # Why one_run is refused: with probability δ this mechanism reveals all coins, else nothing; it
    # is (0, δ)-DP. Taken for independent trials, its bad run "proves" an ε of 5.
    bad_run = Trials(np.ones(500), np.zeros(500), "utterance", "many_runs")
    assert clopper_pearson_bound(bad_run, delta=0.1).low > 4.0
    honest = Trials(np.ones(500), np.zeros(500), "utterance", "one_run")
    assert not clopper_pearson_bound(honest, delta=0.1).scored
