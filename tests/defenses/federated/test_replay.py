"""Devices that keep old speech: without a budget nothing changes, and the price never does."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch

from defenses.federated.local_training import LocalTraining
from defenses.federated.replay import ReplayDPFedAvg, ReplayFedAvg
from defenses.federated.scheme import DPFedAvg, FedAvg
from leaderboard.spec.options import made_with
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(4, "public")
MEMBERS = speech(9, "private", speakers=3)
FEW = {"clients": 3, "per_round": 3, "batch_size": 2, "rounds": 3, "periods": 3}
PAIRS = [
    (FedAvg(**FEW), ReplayFedAvg(**FEW)),
    (DPFedAvg(4.0, **FEW), ReplayDPFedAvg(4.0, **FEW)),
]


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC, expected_members=9)


def trained(scheme, recipe, members=MEMBERS):
    return scheme.train(recipe, members, [], Randomness(0))


@pytest.mark.parametrize(("plain", "replay"), PAIRS)
def test_without_a_budget_it_is_the_scheme_that_drops_everything(recipe, plain, replay):
    one, other = trained(plain, recipe), trained(replace(replay, budget=0), recipe)
    assert all(torch.equal(w, other.weights[n]) for n, w in one.weights.items())
    kept = trained(replay, recipe)
    assert not all(torch.equal(w, kept.weights[n]) for n, w in one.weights.items())
    assert one.event == kept.event
    assert one.unit == kept.unit == "speaker"


@pytest.mark.parametrize(("_", "replay"), PAIRS)
@pytest.mark.parametrize("keep", ["diverse", "uniform"])
def test_a_device_trains_on_what_it_has_kept_beside_what_is_new(
    recipe, monkeypatch, _, replay, keep
):
    heard = []
    real = LocalTraining.update

    def watched(self, recognizer, examples, rng):
        heard.append(len(examples))
        return real(self, recognizer, examples, rng)

    monkeypatch.setattr(LocalTraining, "update", watched)
    trained(replace(replay, keep=keep, budget=1), recipe)
    # Every device is in every round, and gets one utterance in each.
    assert heard == [1] * 3 + [2] * 3 + [2] * 3


def test_devices_coordinate_without_a_guarantee(recipe):
    assert trained(ReplayFedAvg(**FEW, keep="coordinated", budget=1), recipe)


@pytest.mark.parametrize(
    ("make", "options", "complaint"),
    [
        (ReplayFedAvg, {"keep": "best"}, "'best'; use one of diverse, coordinated, uniform"),
        (partial(ReplayDPFedAvg, 4.0), {"keep": "coordinated"}, "use one of diverse, uniform"),
        (ReplayFedAvg, {"budget": -1}, "budget is -1"),
        (partial(ReplayDPFedAvg, 4.0), {"periods": 1}, "periods is 1; give at least 2"),
    ],
)
def test_what_keeps_nothing_or_makes_no_sense_is_refused_at_once(make, options, complaint):
    with pytest.raises(OverheardError, match=complaint):
        make(**options)


def test_a_suite_is_told_so_before_anything_is_trained():
    with pytest.raises(OverheardError, match="keep is 'coordinated': should be 'diverse' or"):
        made_with("scheme", ReplayDPFedAvg, {}, {"epsilon": 4.0}, {"keep": "coordinated"})


def test_one_device_more_moves_no_update_of_another(recipe, monkeypatch):
    seen = {}
    real = LocalTraining.update

    def watched(self, recognizer, examples, rng):
        # At the same weights: those of the start.
        seen.setdefault(len(seen), [e.labels for e in examples])
        return {p: torch.zeros_like(u) for p, u in real(self, recognizer, examples, rng).items()}

    monkeypatch.setattr(LocalTraining, "update", watched)
    monkeypatch.setattr("defenses.federated.mechanism.calibrated", lambda *_: 0.0)
    scheme = ReplayDPFedAvg(4.0, **FEW, budget=1)
    trained(scheme, recipe)
    with_all = list(seen.values())
    seen.clear()
    trained(scheme, recipe, [m for m in MEMBERS if m.speaker != MEMBERS[0].speaker])
    without = list(seen.values())
    assert len(with_all) == 9
    assert len(without) == 6
    assert all(update in with_all for update in without)
