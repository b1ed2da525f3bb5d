"""Gradient canaries: the rig delivers what it promises, and the audit is tight and refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, SelfComposedDpEvent
from dp_accounting.pld import PLDAccountant
from scipy.stats import norm

from attacks.statistics.gdp import delta_from_mu, mu_from_epsilon
from defenses.accounting.price import calibrated, dp_sgd_event
from defenses.base import Trained
from defenses.dpsgd import mechanism
from defenses.dpsgd.adamix import AdaMix
from defenses.dpsgd.scheme import DPSGD, EDPSGD
from defenses.federated.scheme import DPFedAvg
from leaderboard.audits.gradient_canaries import (
    Setting,
    many_runs,
    one_run,
    statistics,
    train_and_watch,
    watching_updates,
)
from leaderboard.audits.training_audit import audit_descent, conclude, runs_for
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

pytestmark = pytest.mark.one_version

DELTA = 1e-5
RNG = Randomness(0)
SCHEMES = (DPSGD, EDPSGD)


def setting(scheme=DPSGD, epsilon=4.0, rate=0.25, steps=8, **world):
    defense = scheme(epsilon, epochs=steps * rate, batch_size=4)
    return Setting(defense, round(4 / rate), DELTA, **world)


@pytest.fixture
def _no_noise(monkeypatch):
    monkeypatch.setattr(mechanism, "calibrated", lambda *_: 0.0)


@pytest.mark.usefixtures("_no_noise")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("tensors", [1, 5])
def test_a_canary_moves_its_own_direction_by_one_clipping_norm(scheme, tensors):
    world = setting(scheme, rate=1.0, steps=3, tensors=tensors, company=2)
    _, updates = train_and_watch(world, [True, False, True], RNG)
    assert updates.shape == (3, 3 + 2 + 32)
    np.testing.assert_allclose(updates[:, [0, 2, 3, 4]], 1, rtol=1e-5)
    assert not updates[:, [1, *range(5, 37)]].any()


@pytest.mark.usefixtures("_no_noise")
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_clipping_norm_and_the_batch_size_cancel(scheme):
    world = setting(scheme, rate=1.0, steps=1)
    changes = {"batch_size": 7} | ({"clip": 0.3} if scheme is DPSGD else {})
    other = replace(world, defense=replace(world.defense, **changes), expected_members=7)
    for one in (world, other):
        np.testing.assert_allclose(train_and_watch(one, [True], RNG)[1], 1, rtol=1e-5)


@pytest.mark.usefixtures("_no_noise")
@pytest.mark.parametrize("tensors", [1, 3])
def test_beside_public_speech_a_canary_moves_its_direction_by_one_norm(tensors):
    world = setting(AdaMix, rate=1.0, steps=2, tensors=tensors, public=3)
    np.testing.assert_allclose(train_and_watch(world, [True], RNG)[1], 1, rtol=1e-4)
    np.testing.assert_allclose(train_and_watch(world, [False], RNG)[1], 0, atol=1e-4)


def devices(epsilon=10.0, rate=1.0, rounds=2, *, held=1, **options):
    """Return a world of devices that hold one utterance on average, but the canary's `held`."""
    settings = {"clients": round(4 / rate), "per_round": 4, "local_rate": 1.0}
    defense = DPFedAvg(epsilon, rounds=rounds, **(settings | options))
    return Setting(defense, defense.clients, DELTA, repetitions=held)


@pytest.mark.parametrize("held", [1, 20])
def test_a_device_moves_its_direction_by_one_norm_whatever_it_holds(monkeypatch, held):
    monkeypatch.setattr("defenses.federated.mechanism.calibrated", lambda *_: 0.0)
    world = replace(devices(held=held, clip=0.3), tensors=3, company=2)
    _, updates = train_and_watch(world, [True, False], RNG)
    np.testing.assert_allclose(updates[:, [0, 2, 3]], 1, rtol=1e-5)
    assert not updates[:, [1, *range(4, 36)]].any()


@pytest.mark.parametrize(("held", "times"), [(1, 0.2), (3, 0.6), (50, 0.8)])
def test_an_active_device_is_drawn_more_often(monkeypatch, held, times):
    monkeypatch.setattr("defenses.federated.mechanism.calibrated", lambda *_: 0.0)
    world = devices(rate=0.2, rounds=400, held=held, selection="activity", heaviest=4.0)
    _, updates = train_and_watch(world, [True], RNG)
    assert updates.mean() == pytest.approx(times, abs=0.08)


def test_the_unit_of_devices_is_the_speaker():
    audit = conclude("dp-fedavg", "updates", many_runs(devices(2.0), 100, RNG), delta=DELTA)
    assert audit.claimed.unit == "speaker"
    assert audit.verdict == "consistent"


@pytest.mark.slow
@pytest.mark.parametrize("held", [1, 8])
def test_at_epsilon_ten_four_fifths_are_proven_of_whole_devices(held):
    evidence = many_runs(devices(held=held), 1_500, RNG)
    audit = conclude("dp-fedavg", "updates", evidence, delta=DELTA)
    assert audit.verdict == "consistent"
    assert 0.8 < audit.ratio < 1


@pytest.mark.usefixtures("_no_noise")
def test_a_canary_is_drawn_at_the_sampling_rate():
    _, updates = train_and_watch(setting(rate=0.25, steps=2_000), [True], RNG)
    assert set(np.unique(updates.round(4))) == {0.0, 1.0}
    assert 0.2 < updates.mean() < 0.3


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_members_the_updates_are_noise_of_the_claimed_size(scheme):
    event, updates = train_and_watch(setting(scheme, 1.0, 1.0, steps=500), [False] * 4, RNG)
    assert updates.std() / event.event.event.noise_multiplier == pytest.approx(1, abs=0.05)
    assert abs(updates.mean() / updates.std()) < 0.1


def test_the_likelihood_is_the_ratio_of_densities():
    event = dp_sgd_event(1.3, 0.25, 4)
    updates = RNG.child("updates").numpy().normal(size=(4, 5))
    out, drawn = norm(0, 1.3).pdf(updates), norm(1, 1.3).pdf(updates)
    expected = np.log((0.75 * out + 0.25 * drawn) / out).sum(0)
    np.testing.assert_allclose(statistics(updates, event)["likelihood"], expected)
    full = statistics(updates, dp_sgd_event(1.3, 1.0, 4))
    assert list(full) == ["likelihood"]
    np.testing.assert_allclose(full["likelihood"], np.log(drawn / out).sum(0))


def test_the_hook_is_gone_afterwards():
    with watching_updates() as seen:
        pass
    train_and_watch(setting(rate=1.0, steps=1), [True], RNG)
    assert seen == []


def test_the_same_seed_gives_the_same_scores():
    first, second = (many_runs(setting(), 5, RNG).trials for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(first[name].in_scores, second[name].in_scores)
        np.testing.assert_array_equal(first[name].out_scores, second[name].out_scores)


def test_a_mechanism_of_another_kind_is_refused():
    with pytest.raises(OverheardError, match="gradient canaries audit DP-SGD"):
        statistics(np.zeros((1, 1)), SelfComposedDpEvent(GaussianDpEvent(1.0), 3))


def test_an_event_that_depends_on_the_data_is_refused():
    class Telling(DPSGD):
        def train(self, recipe, members, public, rng):
            trained = super().train(recipe, members, public, rng)
            return Trained(trained.weights, dp_sgd_event(1.0 + len(members), 0.25, 8))

    with pytest.raises(OverheardError, match="the event depends on the data"):
        many_runs(setting(Telling), 2, RNG)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_at_epsilon_ten_the_audit_proves_four_fifths(scheme):
    evidence = many_runs(setting(scheme, 10.0, rate=1.0, steps=2), 1_000, RNG)
    audit = conclude("dpsgd", "updates", evidence, delta=DELTA)
    assert audit.verdict == "consistent"
    assert 0.8 < audit.ratio < 1


@pytest.mark.slow
def test_at_epsilon_four_the_audit_proves_four_fifths():
    many, one = audit_descent("edpsgd", 4.0, RNG, delta=DELTA)
    assert 0.8 < many.ratio < 1
    # Valid whatever the canaries do to each other, and the weaker for it.
    assert 0.4 < one.ratio < many.ratio


def test_one_run_of_many_canaries_is_a_one_run_trial():
    evidence = one_run(setting(), 300, RNG)
    trials = evidence.trials["likelihood"]
    assert trials.design == "one_run"
    assert trials.size == 300
    assert conclude("dpsgd", "updates", evidence, delta=DELTA).audited.low < 4


def test_the_smaller_the_epsilon_the_more_runs():
    assert runs_for(1, DELTA) > runs_for(2, DELTA) > runs_for(10, DELTA)
    assert runs_for(1, DELTA, "any") == runs_for(10, DELTA, "any")


@pytest.mark.parametrize("rate", [0.0, 1.5])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(OverheardError, match="sampling rate"):
        next(audit_descent("dpsgd", 1.0, RNG, delta=DELTA, rate=rate))


@pytest.mark.parametrize(
    ("epsilon", "rate", "steps"),
    [
        (4.0, 0.25, 8),
        pytest.param(1.0, 1 / 16, 32, marks=pytest.mark.slow),
        pytest.param(4.0, 0.5, 4, marks=pytest.mark.slow),
        pytest.param(10.0, 0.5, 16, marks=pytest.mark.slow),
    ],
)
def test_the_gaussian_curve_bounds_the_drawn_batches_of_these_audits(epsilon, rate, steps):
    # What noise="gaussian" promises: at every ε' up to the claimed one δ(ε') is no larger than the
    # Gaussian mechanism's. Beyond it both are below δ.
    noise = calibrated(dp_sgd_event, epsilon, DELTA, rate, steps)
    accountant = PLDAccountant(value_discretization_interval=1e-3)
    accountant.compose(dp_sgd_event(noise, rate, steps))
    mu = mu_from_epsilon(epsilon, DELTA)
    for smaller in np.linspace(0, epsilon, 12):
        allowed = delta_from_mu(mu, smaller)
        assert accountant.get_delta(smaller) <= allowed * (1 + 1e-2) + 1e-3 * math.exp(-epsilon)
