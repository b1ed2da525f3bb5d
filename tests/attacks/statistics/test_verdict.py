"""Verdicts: false is what is proven false, and of many at once what is proven false of all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from attacks.statistics.audit import claim_p_value
from attacks.statistics.simulation.games import Gaussian, RandomisedResponse, play
from attacks.statistics.verdict import holm, verdict
from targets.core.estimate import Estimate


def bound(low, ceiling=None):
    return Estimate(low, low, math.inf, 0.95, "a bound", ceiling)


@pytest.mark.parametrize(
    ("estimate", "claim", "expected"),
    [
        (bound(2.0, 5.0), 1.0, "falsified"),
        (bound(2.0, 5.0), 2.0, "consistent"),
        (bound(2.0, 5.0), 4.9, "consistent"),
        (bound(2.0, 5.0), 5.0, "cannot tell: ceiling below the claim"),
        (bound(2.0, 5.0), math.inf, "nothing claimed"),
        (bound(2.0, 5.0), None, "nothing claimed"),
        (bound(0.0), 0.0, "consistent"),
        (bound(0.1), 0.0, "falsified"),
        (Estimate.unscored("no coins"), 1.0, "cannot tell: no bound"),
        (Estimate.unscored("no coins"), None, "nothing claimed"),
    ],
)
def test_verdicts(estimate, claim, expected):
    assert verdict(estimate, claim) == expected


@pytest.mark.parametrize("claim", [-1.0, math.nan])
def test_claims_that_are_none_are_errors(claim):
    with pytest.raises(ValueError, match="claimed"):
        verdict(bound(1.0, 2.0), claim)


@pytest.mark.parametrize(
    ("p_values", "rejected"),
    [
        ([], []),
        ([0.05], [True]),
        ([0.051], [False]),
        ([0.03, 0.03], [False, False]),
        ([0.03, 0.025], [True, True]),
        ([0.04, 0.001, 1.0, 0.016], [False, True, False, True]),
    ],
)
def test_holm(p_values, rejected):
    assert holm(p_values, 0.05) == rejected


def p_of(game, epsilon, claimed, rng, n=150):
    trials = play(game, "one_run", n, epsilon, 1e-5, rng)
    return claim_p_value(trials, claimed, delta=1e-5, noise=game.noise)


def test_two_hundred_sound_audits_are_not_accused_together_and_a_false_one_is():
    rng = np.random.default_rng(0)
    # The least promise, where audits err most; the noise of which they find most.
    sound = [p_of(RandomisedResponse(), 0.01, 0.01, rng) for _ in range(200)]
    alone = sum(p <= 0.05 for p in sound)
    assert alone > 0, "some are above their claim, each by itself"
    assert not any(holm(sound, 0.05))
    false = p_of(RandomisedResponse(), 4.0, 0.5, rng)
    assert holm([*sound, false], 0.05) == [*[False] * 200, True]


def test_a_p_value_is_one():
    """Of sound audits at most a share p has a p-value below p."""
    rng = np.random.default_rng(1)
    found = [p_of(Gaussian(), 0.1, 0.1, rng, n=50) for _ in range(200)]
    assert sum(p <= 0.05 for p in found) <= 18  # the binomial's 0.999 quantile
    assert max(found) == 1.0
    assert p_of(Gaussian(), 20.0, 0.1, rng) == pytest.approx(1e-9)
