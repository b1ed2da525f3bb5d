"""The one-run bound against its pins, a slow re-implementation, and games it must not lose."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from attacks.statistics.evidence import Trials
from attacks.statistics.one_run import epsilon_from_guesses, one_run_bound, p_value


def slow_p_value(m, r, v, epsilon, delta):
    """The theorem, term by term, with exact integers for the binomial coefficients."""
    q = 1 / (1 + math.exp(-epsilon))
    mass = [math.comb(r, k) * q**k * (1 - q) ** (r - k) for k in range(r + 1)]
    excess = max(sum(mass[v - i : v]) / i for i in range(1, v + 1)) if v else 0.0
    return min(1.0, sum(mass[v:]) + 2 * m * delta * excess)


@pytest.mark.parametrize(
    ("m", "r", "v", "delta", "expected"),
    [(1000, 100, 75, 1e-4, 0.673), (100_000, 1510, 1439, 1e-5, 2.675)],
)
def test_pins(m, r, v, delta, expected):
    # The second is 2.6759 to five digits: the note cuts it, hence the tolerance of one unit.
    assert epsilon_from_guesses(m, r, v, delta, 0.05) == pytest.approx(expected, abs=1e-3)


def test_pinned_p_value():
    assert p_value(100, 100, 75, math.log(3), 0.0) == pytest.approx(0.553, abs=5e-4)


@pytest.mark.parametrize(("r", "expected"), [(100, 3.49), (500, 5.11), (1000, 5.81), (10000, 8.11)])
def test_pinned_ceilings(r, expected):
    found = epsilon_from_guesses(r, r, r, 0.0, 0.05)
    assert found == pytest.approx(expected, abs=5e-3)
    assert found == pytest.approx(-math.log(0.05 ** (-1 / r) - 1), rel=1e-9)


@settings(deadline=None)
@given(
    st.integers(1, 60).flatmap(lambda r: st.tuples(st.just(r), st.integers(0, r))),
    st.floats(0, 6),
    st.sampled_from([0.0, 1e-5, 1e-3]),
)
def test_p_value_agrees_with_the_theorem_term_by_term(counts, epsilon, delta):
    r, v = counts
    expected = slow_p_value(2 * r, r, v, epsilon, delta)
    assert p_value(2 * r, r, v, epsilon, delta) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("delta", [0.0, 1e-5, 1e-3])
@pytest.mark.parametrize("correct", [0, 55, 80, 100])
def test_bound_is_the_edge_of_what_is_refuted(delta, correct):
    bound = epsilon_from_guesses(200, 100, correct, delta, 0.05)
    grid = np.arange(0, 8, 0.01)
    refuted = [e for e in grid if slow_p_value(200, 100, correct, e, delta) < 0.05]
    assert bound == pytest.approx(max(refuted, default=0.0), abs=0.0101)
    # Never on the wrong side of the edge.
    assert bound == 0.0 or slow_p_value(200, 100, correct, bound, delta) <= 0.05 * (1 + 1e-9)


def test_delta_only_ever_weakens():
    bounds = [epsilon_from_guesses(1000, 400, 350, d, 0.05) for d in (0, 1e-6, 1e-5, 1e-4, 1e-3)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < bounds[0]


def test_refutation_probability_is_exact_on_randomised_response():
    # On that mechanism V is Bin(r, q): no bound could be tighter without lying.
    r, epsilon, error = 200, 1.0, 0.05
    q = 1 / (1 + math.exp(-epsilon))
    lies = sum(
        binom.pmf(v, r, q)
        for v in range(r + 1)
        if epsilon_from_guesses(r, r, v, 0.0, error) > epsilon
    )
    next_lie = min(v for v in range(r + 1) if epsilon_from_guesses(r, r, v, 0.0, error) > epsilon)
    assert lies <= error < lies + binom.pmf(next_lie - 1, r, q)


def test_revealing_everything_with_probability_delta_is_no_leak_beyond_delta():
    # This mechanism is (0, δ)-DP and ends in 100 right guesses of 100 with probability δ = 0.1:
    # without the δ term it would be accused in a tenth of its runs.
    assert epsilon_from_guesses(100, 100, 100, 0.1, 0.05) == 0.0
    assert epsilon_from_guesses(100, 100, 100, 0.0, 0.05) > 3.0


def test_perfect_scores_reach_the_ceiling_and_reversed_scores_prove_nothing():
    member = np.ones(500)
    perfect = one_run_bound(Trials(member, -member, "utterance", "one_run"), delta=1e-5)
    assert perfect.low == perfect.ceiling > 4.5
    assert (perfect.value, perfect.high, perfect.level) == (perfect.low, math.inf, 0.95)
    reversed_scores = one_run_bound(Trials(-member, member, "utterance", "one_run"), delta=1e-5)
    assert reversed_scores.low == 0.0
    assert reversed_scores.ceiling == perfect.ceiling


def test_split_spends_the_level_on_one_plan_and_needs_a_generator():
    rng = np.random.default_rng(0)
    trials = Trials(rng.normal(3, 1, 2000), rng.normal(0, 1, 2000), "utterance", "one_run")
    with pytest.raises(ValueError, match="generator"):
        one_run_bound(trials, delta=1e-5, correction="split")
    first, second = (
        one_run_bound(trials, delta=1e-5, correction="split", rng=np.random.default_rng(1))
        for _ in range(2)
    )
    assert first == second
    assert 2.0 < first.low <= first.ceiling
    alone = Trials([1.0], [0.0], "utterance", "one_run")
    refused = one_run_bound(alone, delta=0.0, correction="split", rng=rng)
    assert not refused.scored


def test_impossible_counts_are_errors():
    with pytest.raises(ValueError, match="correct <= guesses <= m"):
        epsilon_from_guesses(10, 5, 6, 0.0, 0.05)
