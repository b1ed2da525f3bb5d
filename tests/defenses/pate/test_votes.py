"""Votes: one a teacher, whatever it heard, and noise of the scale that is priced."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from defenses.pate.votes import (
    confident,
    count_votes,
    evidence,
    noisy_counts,
    watching_votes,
)
from targets.core.randomness import Randomness

texts = st.text("ab ", max_size=5)
lists = st.lists(texts, min_size=1, max_size=6, unique=True)


@given(lists, st.lists(texts, max_size=8))
def test_one_vote_a_teacher(candidates, transcripts):
    counts = count_votes(candidates, transcripts)
    assert counts.shape == (len(candidates),)
    assert counts.sum() == len(transcripts)
    assert (counts >= 0).all()


@given(lists, st.lists(texts, min_size=1, max_size=8), texts, st.data())
def test_one_teacher_moves_two_counts_by_one_at_most(candidates, transcripts, other, data):
    place = data.draw(st.integers(0, len(transcripts) - 1))
    changed = [*transcripts[:place], other, *transcripts[place + 1 :]]
    moved = count_votes(candidates, changed) - count_votes(candidates, transcripts)
    assert sorted(moved[moved != 0]) in ([], [-1, 1])


@given(lists, st.lists(texts, max_size=8))
def test_teachers_are_not_told_apart(candidates, transcripts):
    forward, backward = (
        count_votes(candidates, transcripts),
        count_votes(candidates, transcripts[::-1]),
    )
    assert (forward == backward).all()


def test_the_nearest_gets_the_vote_the_first_of_equals():
    candidates = ["call emma", "call anna", "dial two"]
    heard = ["call emma", "cal ana", "dial to", "", "call imma"]
    assert count_votes(candidates, heard).tolist() == [2, 1, 2]  # "" is nearest to the shortest
    assert count_votes(["ab", "ba"], ["aa"]).tolist() == [1, 0]


def test_without_noise_the_counts_are_the_votes():
    assert noisy_counts(np.array([1, 5, 3]), np.zeros).tolist() == [1, 5, 3]


def test_evidence_is_the_likelihood_ratio_of_gaussian_counts():
    noisy = np.linspace(-9, 40, 50)
    ratio = stats.norm.logpdf(noisy, 12.0, 5.0) - stats.norm.logpdf(noisy, 0.0, 5.0)
    assert evidence(noisy, 12.0, 5.0) == pytest.approx(ratio)


@pytest.mark.parametrize(("draw", "deviation"), [("normal", 1.0), ("laplace", 2**0.5)])
def test_noise_on_every_count_of_the_scale_asked_for(draw, deviation):
    generator = Randomness(0).numpy()
    with watching_votes() as noisy:
        for _ in range(4_000):
            noisy_counts(np.array([3, 1, 0]), lambda n: getattr(generator, draw)(0.0, 7.0, n))
    seen = np.array(noisy) - [3, 1, 0]
    assert seen.std(0) == pytest.approx(7.0 * deviation, rel=0.06)
    assert np.abs(seen.mean(0)).max() < 5 * 7 * deviation / 4_000**0.5
    assert np.abs(np.corrcoef(seen.T) - np.eye(3)).max() < 5 / 4_000**0.5


def test_nobody_watches_unless_asked():
    with watching_votes() as noisy:
        noisy_counts(np.array([1, 2]), np.zeros)
    noisy_counts(np.array([1, 2]), np.zeros)
    assert len(noisy) == 1


def test_confidence_is_the_largest_count_beside_the_threshold():
    assert confident(np.array([1, 5, 3]), 5.0, lambda shape: np.zeros(shape))
    assert not confident(np.array([1, 5, 3]), 5.5, lambda shape: np.zeros(shape))
    generator = Randomness(0).numpy()
    yes = [
        confident(np.array([8, 1]), 9.0, lambda s: generator.normal(0, 4.0, s))
        for _ in range(4_000)
    ]
    assert np.mean(yes) == pytest.approx(0.401, abs=0.03)
