"""Federated averaging: it learns, it is the average, and it says what it did."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from dp_accounting import NonPrivateDpEvent

from defenses.accounting.price import price
from defenses.federated.clients import clients_of
from defenses.federated.local_training import LocalTraining
from defenses.federated.scheme import DPFedAvg, FedAvg
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

PUBLIC = speech(4, "public")
MEMBERS = speech(7, "private", speakers=3)
FEW = {"clients": 3, "per_round": 3, "batch_size": 2}


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC, expected_members=6)


def loss(recipe, weights):
    recognizer = recipe.build()
    recognizer.load_state_dict(weights)
    return float(recognizer.nll(MEMBERS).sum())


@pytest.mark.one_version
def test_one_round_is_the_mean_of_what_devices_learnt_by_their_utterances(recipe):
    trained = FedAvg(rounds=1, **FEW).train(recipe, MEMBERS, [], Randomness(0))
    recognizer = recipe.build()
    clients = clients_of(MEMBERS, recognizer.examples(MEMBERS))
    local, names = LocalTraining(1, 2, 0.2), [n for n, _ in recognizer.named_parameters()]
    mean = 0
    for client in clients:
        stream = Randomness(0).child("local", 0, client.name)
        update = local.update(recognizer, client.examples, stream)
        mean = mean + len(client.examples) / 7 * torch.cat([u.flatten() for u in update.values()])
    moved = torch.cat([(trained.weights[n] - recipe.start[n]).flatten() for n in names])
    torch.testing.assert_close(moved, mean, atol=1e-5, rtol=1e-3)
    assert trained.event == NonPrivateDpEvent()
    assert trained.unit == "speaker"


@pytest.mark.one_version
def test_it_learns(recipe):
    trained = FedAvg(rounds=10, **FEW).train(recipe, MEMBERS, [], Randomness(0))
    assert loss(recipe, trained.weights) < 0.9 * loss(recipe, recipe.start)


@pytest.mark.one_version
@pytest.mark.parametrize("weights", ["all", "low-rank", "biases"])
def test_with_little_noise_and_a_large_norm_it_learns_too(recipe, weights):
    settings = {"rounds": 10, "clip": 10.0, "weights": weights, **FEW}
    trained = DPFedAvg(1e7, **settings).train(recipe, MEMBERS, [], Randomness(0))
    assert loss(recipe, trained.weights) < 0.97 * loss(recipe, recipe.start)


def test_it_reports_what_it_did(recipe):
    defense = DPFedAvg(4.0, rounds=3, clients=6, per_round=2)
    trained = defense.train(recipe, MEMBERS, [], Randomness(0))
    assert trained.unit == "speaker"
    assert set(trained.notes) == {"noise_multiplier", "sampling_rate", "rounds", "trained_weights"}
    assert trained.notes["sampling_rate"] == pytest.approx(1 / 3)
    assert 3.9 < price(trained.event, recipe.delta).epsilon <= 4.0


def test_by_activity_the_naive_price_stands_beside_the_true_one(recipe):
    defense = DPFedAvg(4.0, rounds=3, clients=12, per_round=2, selection="activity", heaviest=3.0)
    trained = defense.train(recipe, MEMBERS, [], Randomness(0))
    assert trained.notes["sampling_rate"] == pytest.approx(0.5)
    assert trained.notes["average_rate"] == pytest.approx(1 / 6)
    assert trained.notes["claimed_epsilon"] < 0.6 * price(trained.event, recipe.delta).epsilon


@pytest.mark.one_version
@pytest.mark.parametrize("scheme", [FedAvg(**FEW), DPFedAvg(1e7, clip=10.0, **FEW)])
def test_what_is_older_than_a_period_is_dropped(recipe, monkeypatch, scheme):
    heard = []
    real = LocalTraining.update

    def watched(self, recognizer, examples, rng):
        heard.append(len(examples))
        return real(self, recognizer, examples, rng)

    monkeypatch.setattr(LocalTraining, "update", watched)
    once = {"rounds": 2, "local_epochs": 1}
    replace(scheme, **once).train(recipe, MEMBERS, [], Randomness(0))
    assert sum(heard) == 2 * len(MEMBERS)
    heard.clear()
    trained = replace(scheme, **once, periods=2).train(recipe, MEMBERS, [], Randomness(0))
    assert sum(heard) == len(MEMBERS)
    assert trained.event == replace(scheme, **once).train(recipe, [], [], Randomness(0)).event


@pytest.mark.one_version
def test_momentum_goes_on_where_it_went(recipe):
    plain, rolling = (
        FedAvg(rounds=3, momentum=m, local_rate=0.01, **FEW).train(
            recipe, MEMBERS, [], Randomness(0)
        )
        for m in (0.0, 0.9)
    )
    moved = [
        math.hypot(*(float((w - recipe.start[n]).norm()) for n, w in t.weights.items()))
        for t in (plain, rolling)
    ]
    assert moved[1] > 1.4 * moved[0]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"rounds": 0}, "rounds is 0; give at least 1"),
        ({"periods": 0}, "periods is 0; give 1 up to the 20 rounds"),
        ({"periods": 21}, "periods is 21; give 1 up to the 20 rounds"),
        ({"per_round": 0}, "per_round is 0; give at least 1"),
        ({"per_round": 33}, "per_round 33 is above the 32 expected clients"),
        ({"server_rate": 0.0}, "server_rate is 0; give a number above 0"),
        ({"momentum": 1.0}, "momentum is 1; give at least 0, below 1"),
        ({"selection": "best"}, "use one of uniform, activity"),
    ],
)
@pytest.mark.parametrize("scheme", [FedAvg(), DPFedAvg(4.0)])
def test_options_out_of_range_are_refused_in_words(recipe, scheme, options, complaint):
    with pytest.raises(OverheardError, match=complaint):
        replace(scheme, **options).train(recipe, MEMBERS, [], Randomness(0))
