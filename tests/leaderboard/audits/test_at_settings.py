"""Audits of mechanisms at the settings of a row: near the claim, and in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pytest

from defenses.accounting.event_text import event_to_text
from defenses.accounting.price import calibrated, price
from defenses.dpsgd.adamix import AdaMix
from defenses.dpsgd.ftrl import DPFTRL
from defenses.dpsgd.mechanism import subsampled_gaussian_event
from defenses.dpsgd.sampling import rate_and_steps
from defenses.dpsgd.scheme import DPSGD, EDPSGD
from defenses.dpsgd.self_trained import SelfTrainedEDPSGD
from defenses.fairness.oversampling import OversampledEDPSGD
from defenses.federated.replay import ReplayDPFedAvg
from defenses.federated.scheme import DPFedAvg
from defenses.pate.mechanism import NoisyVotes
from defenses.pate.scheme import PATE
from defenses.text.scheme import ADePT
from defenses.text.words import WordNoise
from leaderboard.audits import at_settings
from leaderboard.audits.at_settings import audit_at, pairs_for
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

pytestmark = pytest.mark.one_version

DELTA, RNG = 1e-4, Randomness(0)


def descent(scheme, epsilon=10.0, members=20, batch=20, epochs=2.0):
    rate, steps = rate_and_steps(members, batch, epochs)
    noise = calibrated(subsampled_gaussian_event, epsilon, DELTA, rate, steps, 1, 1.0)
    return scheme(epsilon, epochs=epochs, batch_size=batch), subsampled_gaussian_event(
        noise, rate, steps
    )


@pytest.fixture(autouse=True)
def fewer(monkeypatch):
    monkeypatch.setattr(at_settings, "FEWEST_PAIRS", 1_000)
    monkeypatch.setattr(at_settings, "CANARIES", 500)


@pytest.mark.parametrize(
    ("scheme", "members"),
    [
        (DPSGD, 20),
        (EDPSGD, 20),
        # Drawn batches: their own curve takes the accountant some seconds.
        pytest.param(EDPSGD, 60, marks=pytest.mark.slow),
    ],
)
def test_most_of_a_claim_is_proven(scheme, members):
    defense, event = descent(scheme, members=members)
    claimed = price(event, DELTA).epsilon
    found = audit_at("gradients", defense, event_to_text(event), DELTA, claimed, RNG)
    assert 0.75 * claimed < found.audited.low <= claimed
    assert found.p_value > 0.001
    assert "every noisy update" in found.assumes
    assert found.scores == 2_000


def test_most_of_a_claim_is_proven_of_a_fixed_order():
    defense = DPFTRL(10.0, epochs=3, batch_size=4, weights="low-rank")
    event = defense.mechanism(20).calibrated(10.0, DELTA).event
    claimed = price(event, DELTA).epsilon
    found = audit_at(
        "order", defense, event_to_text(event), DELTA, claimed, RNG, {"steps_an_epoch": 5.0}
    )
    assert 0.75 * claimed < found.audited.low <= claimed
    assert "every noisy update" in found.assumes


# Its public speech pulls where a canary does, and its projection is left out.
ADAMIX = partial(AdaMix, components=3, weights="biases")
# The canaries are in the cohort, and drawn more often than all others.
OVERSAMPLED = partial(OversampledEDPSGD, cohort="british", factor=3.0)


@pytest.mark.parametrize(
    ("defense", "highest"),
    [
        (ADAMIX, 1.0),
        (OVERSAMPLED, 1.0),
        (SelfTrainedEDPSGD, 1.0),
        pytest.param(OVERSAMPLED, 0.75, marks=pytest.mark.slow),
    ],
)
def test_most_of_a_claim_is_proven_at_the_highest_rate(monkeypatch, defense, highest):
    monkeypatch.setattr(at_settings, "FEWEST_PAIRS", 2_000)
    noise = calibrated(subsampled_gaussian_event, 10.0, DELTA, highest, 6, 1, 1.0)
    event = subsampled_gaussian_event(noise, highest, 6)
    claimed = price(event, DELTA).epsilon
    rate = highest / 3 if defense is OVERSAMPLED else highest
    chosen = defense(10.0, epochs=6 * rate, batch_size=20)
    notes = {"sampling_rate": rate}
    found = audit_at("gradients", chosen, event_to_text(event), DELTA, claimed, RNG, notes)
    assert 0.8 * claimed < found.audited.low <= claimed
    assert found.p_value > 0.001


@pytest.mark.parametrize("defense", [ADePT(4.0, "laplace"), WordNoise(4.0, "gaussian")])
def test_most_of_a_claim_is_proven_of_latents(defense):
    event = defense.mechanism(100).calibrated(4.0, DELTA).event
    claimed = price(event, DELTA).epsilon
    found = audit_at("latents", defense, event_to_text(event), DELTA, claimed, RNG)
    assert 0.75 * claimed < found.audited.low <= claimed
    assert found.p_value > 0.001
    assert "sees what its device sends" in found.assumes


@pytest.mark.parametrize(
    ("scheme", "options"),
    [
        (DPFedAvg, {"clients": 4, "periods": 3}),
        pytest.param(
            ReplayDPFedAvg, {"clients": 4, "periods": 3, "budget": 1}, marks=pytest.mark.slow
        ),
        # Drawn devices, as likely as one another and not.
        pytest.param(DPFedAvg, {"clients": 16}, marks=pytest.mark.slow),
        pytest.param(
            DPFedAvg,
            {"clients": 16, "selection": "activity", "heaviest": 2.5},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_most_of_a_claim_is_proven_of_whole_devices(scheme, options):
    defense = scheme(10.0, rounds=3, per_round=4, local_rate=0.001, weights="biases", **options)
    event = defense.mechanism(1_000).calibrated(10.0, DELTA).event
    claimed = price(event, DELTA).epsilon
    found = audit_at("devices", defense, event_to_text(event), DELTA, claimed, RNG)
    assert 0.75 * claimed < found.audited.low <= claimed
    assert "all that is on one device" in found.assumes


def test_less_noise_than_the_event_says_is_found_out(monkeypatch):
    defense, event = descent(EDPSGD)
    right = "defenses.dpsgd.mechanism.SubsampledGaussian.deviation"
    monkeypatch.setattr(right, lambda self, step: self.noise_multiplier / 3)  # noqa: ARG005
    found = audit_at(
        "gradients", defense, event_to_text(event), DELTA, price(event, DELTA).epsilon, RNG
    )
    assert found.audited.low > price(event, DELTA).epsilon
    assert found.p_value < 1e-6


@pytest.mark.parametrize("noise", ["gaussian", pytest.param("laplace", marks=pytest.mark.slow)])
def test_most_of_a_claim_is_proven_of_votes(noise):
    defense = PATE(10.0, noise=noise, teachers=5)
    event = NoisyVotes(noise, 20, "utterance").calibrated(10.0, DELTA).event
    claimed = price(event, DELTA).epsilon
    found = audit_at("votes", defense, event_to_text(event), DELTA, claimed, RNG, {"votes": 20.0})
    assert 0.75 * claimed < found.audited.low <= claimed
    assert "every noisy count" in found.assumes


def test_what_nothing_watches_is_refused():
    _, event = descent(EDPSGD)
    with pytest.raises(OverheardError, match="another event"):
        audit_at("gradients", EDPSGD(5.0, 2, 20), event_to_text(event), DELTA, 10.0, RNG)
    with pytest.raises(OverheardError, match="no canaries watch the mechanism of EDPSGD"):
        audit_at(None, EDPSGD(5.0, 2, 20), event_to_text(event), DELTA, 10.0, RNG)
    with pytest.raises(OverheardError, match="no canaries watch ConfidentVotes"):
        audit_at(
            "votes",
            PATE(1.0, noise="confident"),
            event_to_text(event),
            DELTA,
            1.0,
            RNG,
            {"votes": 5.0},
        )


@dataclass(frozen=True)
class OfAPackage:
    """As much of a scheme as an installed package may have got right."""

    batch_size: object = 20
    epsilon: float = 1.0
    entries: int = 8


@dataclass(frozen=True)
class Bare:
    """A scheme without any field."""


@pytest.mark.parametrize(
    ("canaries", "defense", "complaint"),
    [
        ("gradient", OfAPackage(), "canaries = 'gradient': use one of gradients, order, devices"),
        ("gradients", Bare(), r"entry of Bare.* needs a number in the field 'batch_size'"),
        ("gradients", OfAPackage("many"), "needs a number in the field 'batch_size'"),
        ("gradients", object(), "is for a dataclass"),
        ("order", OfAPackage(), "is for a subclass of DPFTRL"),
        ("devices", OfAPackage(), "is for a subclass of DPFedAvg"),
        ("votes", OfAPackage(), "needs a method 'mechanism'"),
        ("latents", OfAPackage(), "needs a method 'mechanism'"),
    ],
)
def test_a_package_is_told_what_its_entry_lacks(canaries, defense, complaint):
    _, event = descent(EDPSGD)
    with pytest.raises(OverheardError, match=complaint):
        audit_at(canaries, defense, event_to_text(event), DELTA, 10.0, RNG)


@pytest.mark.parametrize("note", ["a word", 0.0, float("nan")])
def test_a_note_that_is_no_number_is_refused(note):
    defense, event = descent(EDPSGD)
    with pytest.raises(OverheardError, match=r"note 'sampling_rate' is .*; note a number above 0"):
        audit_at(
            "gradients",
            defense,
            event_to_text(event),
            DELTA,
            10.0,
            RNG,
            {"sampling_rate": note},
        )


def test_the_less_is_promised_the_more_canaries_it_takes():
    assert pairs_for(1.0, 1e-5) > pairs_for(4.0, 1e-5) >= pairs_for(10.0, 1e-5) == 1_000
    assert pairs_for(0.01, 1e-5) == at_settings.MOST_PAIRS
