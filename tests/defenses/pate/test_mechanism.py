"""Mechanisms of votes: as many answers as are paid for, with the noise that is priced."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, LaplaceDpEvent

from defenses.accounting.event_algebra import merged, noise_kind, parts_of
from defenses.accounting.price import (
    confident_test_noise,
    confident_votes_event,
    gaussian_votes_event,
    laplace_votes_event,
    price,
)
from defenses.pate.mechanism import ConfidentVotes, NoisyVotes
from targets.core.randomness import Randomness

DELTA = 1e-5
RNG = Randomness(0)
MECHANISMS = (
    NoisyVotes("laplace", 50, "utterance"),
    NoisyVotes("gaussian", 50, "speaker"),
    ConfidentVotes(50, 10, 20.0, 0.25, "speaker"),
)


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=repr)
def test_calibrated_it_costs_no_more_than_is_asked_for(mechanism):
    calibrated = mechanism.calibrated(3.0, DELTA)
    assert 2.9 < price(calibrated.event, DELTA).epsilon <= 3.0
    assert calibrated.unit == mechanism.unit
    assert calibrated.scale != mechanism.scale == 1.0


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=repr)
@pytest.mark.parametrize("asked", [0, 49, 51])
def test_no_other_number_of_votes_is_answered_than_is_paid_for(mechanism, asked):
    with pytest.raises(ValueError, match=f"{asked} votes are asked for, 50 are paid for"):
        mechanism.answers([np.array([3, 0])] * asked, RNG.numpy())


@pytest.mark.parametrize(
    ("noise", "event_of", "query"),
    [
        # All as one query, one moved vote being √2; two queries a vote, each moved by one.
        ("gaussian", gaussian_votes_event, (GaussianDpEvent(7.0 / math.sqrt(2 * 4_000)), 1)),
        ("laplace", laplace_votes_event, (LaplaceDpEvent(7.0), 2 * 4_000)),
    ],
)
def test_the_noise_of_every_count_is_that_of_the_event(noise, event_of, query):
    mechanism = NoisyVotes(noise, 4_000, "utterance", 7.0)
    answers = mechanism.answers([np.array([5, 2, 0])] * 4_000, RNG.numpy())
    seen = np.array(answers) - [5, 2, 0]
    assert seen.std(0) == pytest.approx(mechanism.deviation, rel=0.06)
    assert mechanism.deviation == pytest.approx(7.0 * (1 if noise == "gaussian" else math.sqrt(2)))
    assert mechanism.event == event_of(7.0, 4_000)
    ((part, times),) = merged(parts_of(mechanism.event))
    assert (type(part), times) == (type(query[0]), query[1])
    assert part.noise_multiplier == pytest.approx(query[0].noise_multiplier)


def test_confident_votes_are_answered_up_to_the_cap_and_paid_for_at_the_cap():
    mechanism = ConfidentVotes(30, 4, 20.0, 0.25, "utterance", 0.01)
    sure, split = np.array([40, 0]), np.array([10, 10])
    answers = mechanism.answers([split, sure] * 15, RNG.numpy())
    answered = [n for n, noisy in enumerate(answers) if noisy is not None]
    assert answered == [1, 3, 5, 7]
    np.testing.assert_allclose([answers[n] for n in answered], [sure] * 4, atol=0.1)
    assert mechanism.event == confident_votes_event(0.01, 30, 4, 0.25)
    assert noise_kind(mechanism.event) == "gaussian"


def test_the_test_of_confidence_has_the_noise_of_the_event():
    """At a threshold half a deviation below the count, so many pass as lie above it."""
    scale, asked = 5.0, 3_000
    half = confident_test_noise(scale, asked, asked, 0.25) / 2
    mechanism = ConfidentVotes(asked, asked, 100 - half, 0.25, "utterance", scale)
    answers = mechanism.answers([np.array([100, 0])] * asked, RNG.numpy())
    assert np.mean([noisy is not None for noisy in answers]) == pytest.approx(0.691, abs=0.03)
    seen = np.array([noisy for noisy in answers if noisy is not None]) - [100, 0]
    assert seen.std() == pytest.approx(mechanism.deviation, rel=0.05)
