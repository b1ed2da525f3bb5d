"""Vote canaries: one utterance moves one vote, and what the counts and the labels tell of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import laplace

from defenses.accounting.event_algebra import noise_kind
from defenses.pate import mechanism
from defenses.pate.scheme import PATE
from defenses.pate.votes import noisy_counts, watching_votes
from leaderboard.audits.training_audit import audit_votes, conclude
from leaderboard.audits.vote_canaries import (
    NO,
    YES,
    VoteSetting,
    likelihood,
    many_runs,
    train_and_watch,
)
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

pytestmark = pytest.mark.one_version

DELTA = 1e-5
RNG = Randomness(0)


def setting(noise="gaussian", epsilon=4.0, *, teachers=3, queries=2, company=1):
    defense = PATE(
        epsilon,
        noise,
        teachers=teachers,
        teacher_epochs=1,
        queries=queries,
        hypotheses=2,
        keep=1.0,
        student_epochs=1,
    )
    return VoteSetting(defense, DELTA, company)


@pytest.fixture
def _no_noise(monkeypatch):
    monkeypatch.setattr(mechanism, "calibrated", lambda *_: 1e-6)


@pytest.mark.usefixtures("_no_noise")
@pytest.mark.parametrize("noise", ["gaussian", "laplace"])
@pytest.mark.parametrize("company", [0, 1, 2])
def test_the_canary_moves_one_vote_in_every_query(noise, company):
    world = setting(noise, company=company)
    for seed in range(5):
        _, _, out, _ = train_and_watch(world, False, Randomness(seed))
        _, _, inside, labels = train_and_watch(world, True, Randomness(seed))
        np.testing.assert_allclose(out, [[3 - company, company]] * 2, atol=1e-4)
        np.testing.assert_allclose(inside - out, [[-1, 1]] * 2, atol=1e-4)
        assert labels == [YES if 1 + company > 1.5 else NO] * 2


def test_the_labels_are_the_winners_of_the_noisy_counts():
    _, _, noisy, labels = train_and_watch(setting(queries=40), True, RNG)
    assert labels == [YES if yes > no else NO for no, yes in noisy]
    assert set(labels) == {YES, NO}


def test_the_noise_has_the_claimed_size():
    _, scale, noisy, _ = train_and_watch(setting(queries=2_000), False, RNG)
    assert np.std(noisy - [2, 1]) / scale == pytest.approx(1, abs=0.05)


def test_the_likelihood_of_laplace_noise_is_the_ratio_of_densities():
    world = setting("laplace")
    noisy = RNG.child("noisy").numpy().normal(size=(2, 2)) * 3
    ratio = laplace(scale=1.7).logpdf(noisy - [1, 2]) - laplace(scale=1.7).logpdf(noisy - [2, 1])
    assert likelihood(world, 1.7, noisy) == pytest.approx(ratio.sum(), abs=1e-6)


def test_votes_are_watched_only_inside():
    with watching_votes() as seen:
        noisy_counts(np.array([1, 2]), np.zeros)
    noisy_counts(np.array([3, 4]), np.zeros)
    np.testing.assert_array_equal(seen, [[1, 2]])


def test_laplace_noise_gets_no_gaussian_bound():
    for noise, kind in (("laplace", "any"), ("gaussian", "gaussian")):
        evidence = many_runs(setting(noise), 20, RNG)
        assert noise_kind(evidence.event) == kind
        method = conclude("pate", "votes", evidence, delta=DELTA).audited.method
        assert ("Gaussian" in method) == (kind == "gaussian"), method


@pytest.mark.parametrize(
    ("noise", "epsilon", "runs"),
    [("gaussian", 4.0, 100), pytest.param("laplace", 2.0, 300, marks=pytest.mark.slow)],
)
def test_a_sound_vote_is_consistent_and_much_is_proven(noise, epsilon, runs):
    world = setting(noise, epsilon, queries=1)
    evidence = many_runs(world, runs, RNG)
    audit = conclude("pate", "votes", evidence, delta=DELTA)
    assert audit.verdict == "consistent"
    assert 0.4 < audit.ratio < 1


@pytest.mark.slow
def test_the_counts_prove_four_fifths_and_the_labels_less():
    counts, labels = audit_votes("pate-gnmax", 4.0, RNG, delta=DELTA)
    assert 0.8 < counts.ratio < 1
    assert 0.4 < labels.ratio < counts.ratio


def test_votes_that_are_not_watched_whole_are_refused_by_name():
    with pytest.raises(OverheardError, match="pate-confident-gnmax"):
        setting("confident")
