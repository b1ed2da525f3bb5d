"""Votes for what nobody listed, against divergences that are summed over a grid of outcomes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from defenses.accounting.price import gaussian_votes_event, price
from defenses.pate.unlisted import UnlistedVotes
from targets.core.errors import OverheardError

DELTA = 1e-4
CELLS = 400


def one_text(votes, mechanism):
    """Return the chances (C + 1,) of a text: withheld, or with a noisy count in each cell."""
    if votes == 0:  # nobody wrote it
        return np.array([1.0, *np.zeros(CELLS + 1)])
    top = mechanism.threshold + 16 * mechanism.sigma
    edges = np.linspace(mechanism.threshold, top, CELLS + 1)
    below = norm.cdf(edges, votes, mechanism.sigma)
    return np.array([below[0], *np.diff(below), 1 - below[-1]])


def spent(world, other, epsilon, mechanism):
    """Return δ at ε of one query: the hockey-stick divergence, over all cells of the texts.

    Cells are coarser than the counts themselves, so that the truth is this much or more.
    """
    p = q = np.ones(1)
    for here, there in zip(world, other, strict=True):
        p = np.multiply.outer(p, one_text(here, mechanism)).ravel()
        q = np.multiply.outer(q, one_text(there, mechanism)).ravel()
    return float(np.maximum(p - math.exp(epsilon) * q, 0).sum())


# One vote moves: between texts that others wrote too, from or to one that nobody else wrote, or
# from one such text to another.
NEIGHBOURS = [
    ((6, 4), (5, 5)),
    ((6, 1), (7, 0)),
    ((7, 0), (6, 1)),
    ((1, 0), (0, 1)),
]


@pytest.mark.parametrize(("world", "other"), NEIGHBOURS)
@pytest.mark.parametrize(
    "mechanism",
    [UnlistedVotes(1, 1.5, 6.0), UnlistedVotes.calibrated(1, 1.0, DELTA)],
    ids=["priced", "calibrated"],
)
def test_no_neighbours_tell_more_than_is_paid_for(world, other, mechanism):
    delta = max(DELTA, 2 * mechanism.new_delta)
    epsilon = mechanism.guarantee(delta).epsilon
    assert spent(world, other, epsilon, mechanism) <= delta


def test_what_one_teacher_alone_wrote_is_what_delta_has_to_pay_for():
    """Without its δ the price would be too low: here no ε at all would do."""
    mechanism = UnlistedVotes(1, 1.5, 3.0)
    shown = spent((6, 1), (7, 0), 50.0, mechanism)
    assert shown == pytest.approx(mechanism.new_delta, rel=1e-6)
    assert shown == pytest.approx(norm.sf((3.0 - 1) / 1.5), rel=1e-6)
    with pytest.raises(OverheardError, match="raise the threshold"):
        mechanism.guarantee(0.9 * shown)


def test_a_high_threshold_costs_what_listed_votes_cost():
    found = UnlistedVotes(40, 10.0, 1e3).guarantee(DELTA)
    assert found.epsilon == pytest.approx(price(gaussian_votes_event(10.0, 40), DELTA).epsilon)
    assert (found.delta, found.unit) == (DELTA, "utterance")


def test_many_queries_pay_for_new_texts_in_each():
    one, many = (UnlistedVotes(n, 5.0, 25.0).new_delta for n in (1, 100))
    assert many == pytest.approx(100 * one, rel=1e-3)
    assert UnlistedVotes(1000, 5.0, -100.0).new_delta == 1


# A trial with forty teachers and forty queries at δ = 1e-4: 4.2 votes of noise at ε = 10, and at
# ε = 3 a threshold above all teachers.
@pytest.mark.parametrize(("epsilon", "noise", "threshold"), [(10.0, 4.2, 21.0), (3.0, 11.6, 55.0)])
def test_worked_values(epsilon, noise, threshold):
    found = UnlistedVotes.calibrated(40, epsilon, DELTA)
    assert found.sigma == pytest.approx(noise, rel=0.06)
    assert found.threshold == pytest.approx(threshold, rel=0.06)
    assert 0.98 * epsilon < found.guarantee(DELTA).epsilon <= epsilon


def test_only_what_somebody_wrote_and_reaches_the_threshold_is_given_away():
    mechanism = UnlistedVotes(1, 0.1, 10.0)
    answer = mechanism.answer({"a": 20, "few": 5, "b": 30, "": 0}, np.random.default_rng(0))
    assert list(answer) == ["b", "a"]
    assert answer["b"] == pytest.approx(30, abs=1)
    assert mechanism.answer({}, np.random.default_rng(0)) == {}


def test_the_order_of_writing_is_not_given_away():
    mechanism, texts = UnlistedVotes(1, 3.0, -50.0), {"a": 2, "b": 1, "c": 3}
    answers = [
        mechanism.answer(said, np.random.default_rng(7))
        for said in (texts, dict(reversed(texts.items())))
    ]
    assert list(answers[0].items()) == list(answers[1].items())


def test_noise_and_threshold_are_those_of_the_price():
    mechanism, generator = UnlistedVotes(1, 4.0, 12.0), np.random.default_rng(1)
    seen = [mechanism.answer({"a": 14}, generator).get("a") for _ in range(4_000)]
    kept = np.array([count for count in seen if count is not None])
    assert len(kept) / 4_000 == pytest.approx(norm.cdf(0.5), abs=0.03)
    assert kept.min() >= 12
    assert kept.max() > 14 + 2 * 4
