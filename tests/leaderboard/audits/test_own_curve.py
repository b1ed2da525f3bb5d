"""A bound from the event's own curve: tight, valid at any noise, and it finds noise missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dp_accounting import (
    ComposedDpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    SelfComposedDpEvent,
)

from attacks.statistics.evidence import Trials
from defenses.accounting.price import dp_sgd_event, price
from leaderboard.audits.own_curve import own_curve_bound, with_noise
from targets.core.errors import OverheardError

DELTA = 1e-5
ONE = SelfComposedDpEvent(GaussianDpEvent(1.0), 4)  # μ = 2


def seen(mu, pairs=2_000, seed=0):
    rng = np.random.default_rng(seed)
    members, others = rng.normal(mu, 1, pairs), rng.normal(0, 1, pairs)
    return Trials(members, others, "utterance", "many_runs")


def test_every_noise_is_scaled():
    event = ComposedDpEvent([dp_sgd_event(2.0, 0.1, 3), LaplaceDpEvent(4.0)])
    expected = ComposedDpEvent([dp_sgd_event(3.0, 0.1, 3), LaplaceDpEvent(6.0)])
    assert with_noise(event, 1.5) == expected
    with pytest.raises(OverheardError, match="no noise to scale"):
        with_noise(NonPrivateDpEvent(), 2.0)


def test_a_sound_mechanism_is_nearly_proven():
    claimed = price(ONE, DELTA).epsilon
    bound, p_value = own_curve_bound(seen(2.0), ONE, DELTA)
    assert 0.8 * claimed < bound.low <= claimed
    assert p_value > 0.05
    assert bound.low < bound.ceiling
    assert "own curve" in bound.method


def test_half_of_the_noise_is_found_out():
    bound, p_value = own_curve_bound(seen(4.0), ONE, DELTA)
    assert bound.low > 1.5 * price(ONE, DELTA).epsilon
    assert p_value < 1e-9


def test_scores_that_tell_nothing_prove_nothing():
    bound, p_value = own_curve_bound(seen(0.0), ONE, DELTA)
    assert bound.low < 0.5
    assert p_value == pytest.approx(1.0)
    worse, p_value = own_curve_bound(seen(-3.0), ONE, DELTA)
    assert (worse.low, worse.high, p_value) == (0.0, math.inf, pytest.approx(1.0))


def test_a_perfect_attack_does_not_pass_its_ceiling():
    found, _ = own_curve_bound(seen(100.0), ONE, DELTA)
    assert found.value > 0
    assert found.ceiling >= found.value


def test_at_most_one_sound_mechanism_in_twenty_is_above_its_claim():
    claimed = price(ONE, DELTA).epsilon
    above = sum(own_curve_bound(seen(2.0, 200, n), ONE, DELTA)[0].low > claimed for n in range(40))
    assert above <= 7  # the binomial's 0.999 quantile
