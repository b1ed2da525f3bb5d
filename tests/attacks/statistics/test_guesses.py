"""Guesses look at scores only, never at who is a member."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.statistics.audit import audited_epsilon
from attacks.statistics.evidence import Trials
from attacks.statistics.gdp import mu_from_epsilon
from attacks.statistics.guesses import (
    GuessPlan,
    check_share,
    count_correct,
    guess_plans,
    perfect_counts,
    plans_for,
)

scores = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=30)


def slow_count(trials, plan):
    """Judge one candidate at a time by what lies above and below it."""
    pool = [(s, True) for s in trials.in_scores] + [(s, False) for s in trials.out_scores]
    if plan.guesses == trials.size:
        values = sorted(s for s, _ in pool)
        edges = [
            i for i in range(trials.size + 1) if i in (0, trials.size) or values[i - 1] != values[i]
        ]
        cut = min(edges, key=lambda i: (abs(i - plan.bottom), i))
        return sum((sum(other < s for other, _ in pool) >= cut) == member for s, member in pool)
    correct = 0
    for s, member in pool:
        if member and sum(other >= s for other, _ in pool) <= plan.top:
            correct += 1
        if not member and sum(other <= s for other, _ in pool) <= plan.bottom:
            correct += 1
    return correct


@given(scores, scores, st.integers(0, 20), st.integers(0, 20))
def test_counts_agree_with_judging_one_at_a_time(members, others, top, bottom):
    trials = Trials(members, others, "utterance", "one_run")
    top = min(top, trials.size - 1)
    plan = GuessPlan(top, min(bottom, trials.size - 1 - top))
    full = guess_plans(trials.size)[0]
    assert count_correct(trials, (plan, full)) == [
        slow_count(trials, plan),
        slow_count(trials, full),
    ]


@given(scores, scores)
def test_nobody_counts_more_than_a_perfect_attack(members, others):
    trials = Trials(members, others, "utterance", "one_run")
    plans = guess_plans(trials.size)
    perfect = perfect_counts(trials, plans)
    assert all(c <= p for c, p in zip(count_correct(trials, plans), perfect, strict=True))


def test_constant_scores_are_right_about_one_side_at_most():
    # Sorting by score with members first would call exactly the members members.
    trials = Trials(np.zeros(500), np.zeros(500), "utterance", "one_run")
    assert count_correct(trials, guess_plans(1000))[1:] == [0, 0, 0, 0]
    assert count_correct(trials, guess_plans(1000))[0] == 500


def test_plans_depend_on_the_number_of_candidates_only():
    assert [plan.guesses for plan in guess_plans(1000)] == [1000, 500, 124, 30, 62]
    assert [plan.guesses for plan in guess_plans(101)] == [101, 50, 12]
    assert [plan.guesses for plan in guess_plans(2)] == [2]


def test_a_fixed_plan_may_guess_on_one_side_alone():
    trials = Trials(
        np.array([5.0, 4.0, 3.0, 0.5]), np.array([2.0, 1.0, 0.0, -1.0]), "utterance", "one_run"
    )
    for share, plan, correct, words in (
        (0.5, GuessPlan(2, 2), 4, "one plan of 4 guesses"),
        ((0.0, 0.375), GuessPlan(0, 3), 2, "one plan of 3 guesses, all held out"),
        ((0.375, 0.0), GuessPlan(3, 0), 3, "one plan of 3 guesses, all as members"),
    ):
        plans, corrected = plans_for(8, share)
        assert plans == (plan,)
        assert corrected == words
        assert count_correct(trials, plans) == [correct]
    for share in (0.0, 1.5, (0.0, 0.0), (0.6, 0.6), (-0.1, 0.5)):
        with pytest.raises(ValueError, match="share of the candidates"):
            check_share(share)


@pytest.mark.parametrize("noise", ["any", "gaussian"])
def test_one_side_alone_does_not_accuse_a_true_promise(noise):
    # Scores that are as telling as a Gaussian mechanism with this ε and δ allows.
    epsilon, delta, rng = 1.0, 1e-5, np.random.default_rng(0)
    mu = mu_from_epsilon(epsilon, delta)
    wrong = 0
    for _ in range(300):
        coins = rng.random(400) < 0.5
        scores = rng.normal(size=400) + mu * coins
        trials = Trials(scores[coins], scores[~coins], "utterance", "one_run")
        bound = audited_epsilon(trials, delta=delta, noise=noise, guesses=(0.0, 0.25))
        wrong += bound.low > epsilon
    assert wrong <= 15  # an error of 5 % allows 15 on average; all bounds waste some of it
