"""Devices that keep old speech: without a budget nothing changes, and the price never does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from defenses.federated.continual import KeepingDPFedAvg, KeepingFedAvg
from defenses.federated.local_training import LocalTraining
from defenses.federated.scheme import DPFedAvg, FedAvg
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(4, "public")
MEMBERS = speech(9, "private", speakers=3)
FEW = {"clients": 3, "per_round": 3, "batch_size": 2, "rounds": 3, "periods": 3}
PAIRS = [
    (FedAvg(**FEW), KeepingFedAvg(**FEW)),
    (DPFedAvg(4.0, **FEW), KeepingDPFedAvg(4.0, **FEW)),
]


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC, expected_members=9)


def trained(scheme, recipe, members=MEMBERS):
    return scheme.train(recipe, members, [], Randomness(0))


@pytest.mark.parametrize(("plain", "keeping"), PAIRS)
def test_without_a_budget_it_is_the_scheme_that_drops_everything(recipe, plain, keeping):
    one, other = trained(plain, recipe), trained(replace(keeping, budget=0), recipe)
    assert all(torch.equal(w, other.weights[n]) for n, w in one.weights.items())
    kept = trained(keeping, recipe)
    assert not all(torch.equal(w, kept.weights[n]) for n, w in one.weights.items())
    assert one.event == kept.event
    assert one.unit == kept.unit == "speaker"


@pytest.mark.parametrize(("_", "keeping"), PAIRS)
@pytest.mark.parametrize("keep", ["diverse", "uniform"])
def test_a_device_trains_on_what_it_has_kept_beside_what_is_new(
    recipe, monkeypatch, _, keeping, keep
):
    heard = []
    real = LocalTraining.update

    def watched(self, recognizer, examples, rng):
        heard.append(len(examples))
        return real(self, recognizer, examples, rng)

    monkeypatch.setattr(LocalTraining, "update", watched)
    trained(replace(keeping, keep=keep, budget=1), recipe)
    # Every device is in every round, and gets one utterance in each.
    assert heard == [1] * 3 + [2] * 3 + [2] * 3


def test_under_a_guarantee_devices_do_not_coordinate(recipe):
    assert trained(KeepingFedAvg(**FEW, keep="coordinated", budget=1), recipe)
    with pytest.raises(OverheardError, match="keep is 'coordinated'; use one of diverse, uniform"):
        trained(KeepingDPFedAvg(4.0, **FEW, keep="coordinated"), recipe)


def test_one_device_more_moves_no_update_of_another(recipe, monkeypatch):
    seen = {}
    real = LocalTraining.update

    def watched(self, recognizer, examples, rng):
        # At the same weights: those of the start.
        seen.setdefault(len(seen), [e.labels for e in examples])
        return {p: torch.zeros_like(u) for p, u in real(self, recognizer, examples, rng).items()}

    monkeypatch.setattr(LocalTraining, "update", watched)
    monkeypatch.setattr("defenses.federated.mechanism.calibrated", lambda *_: 0.0)
    scheme = KeepingDPFedAvg(4.0, **FEW, budget=1)
    trained(scheme, recipe)
    with_all = list(seen.values())
    seen.clear()
    trained(scheme, recipe, [m for m in MEMBERS if m.speaker != MEMBERS[0].speaker])
    without = list(seen.values())
    assert len(with_all) == 9
    assert len(without) == 6
    assert all(update in with_all for update in without)
