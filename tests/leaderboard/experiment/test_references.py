"""Reference models: the attacker's own coins, trained once, remembered, and used by a cell."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attacks.base import Findings, LossScores, References, Weights
from attacks.membership.lira import LiRA
from attacks.membership.loss import Loss
from attacks.membership.rmia import RMIA
from attacks.references import references_of, signal_of
from leaderboard.experiment.choices import attacks_of
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.plan import plan
from leaderboard.experiment.references import ReferenceModels, references_wanted
from leaderboard.experiment.start import PublicStart
from leaderboard.experiment.train import run_cell
from leaderboard.game.game import Game
from leaderboard.records.run_folder import read_records
from leaderboard.spec.choices import AttackChoice
from leaderboard.spec.load import load_suite
from targets.core.randomness import Randomness
from tests.fakes import canary, put_in_place_of_speech, speech

CANDIDATES = [*speech(9, "private"), canary(0, 123, repetitions=3)]
RNG = Randomness(0)
TINY = load_suite("tiny")
CHOSEN = tuple(
    AttackChoice(name=name, options=options)
    for name, options in {
        "membership": {},
        "membership-lira": {"references": 3},
        "membership-rmia-offline": {"references": 2},
    }.items()
)
SUITE = TINY.model_copy(update={"attacks": CHOSEN})
CELL = SUITE.cells()[0]


def small_game(conditions, target, seed, data):  # noqa: ARG001
    return Game.set_up(
        speech(4, "public"), CANDIDATES, speech(4, "test"), Randomness(seed), conditions.unit
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        put_in_place_of_speech(patch, small_game)
        folder = tmp_path_factory.mktemp("run")
        experiment = Experiment.of(CELL, folder, Path())
        PublicStart(experiment).compute()
        ReferenceModels(experiment, attacks_of(CELL.conditions)).compute()
        run_cell(CELL, experiment, report=lambda _: None)
        yield folder


class Listener:
    """An attack that remembers how often it was tried."""

    access = "scores"

    def __init__(self):
        self.heard = []

    def __repr__(self):
        return "Listener()"

    def score(self, view, candidates, rng):  # noqa: ARG002
        self.heard.append([c.id for c in candidates])
        return Findings(tuple(candidates), np.array([view._target * len(c.id) for c in candidates]))


def test_scores_are_computed_once_and_in_the_order_asked_for():
    some = References([Weights(k, None, ()) for k in (1, 2)], [frozenset()] * 2, RNG)
    attack = Listener()
    few = some.scores(attack, CANDIDATES[3:5])
    everyone = some.scores(attack, CANDIDATES[::-1])
    assert [len(heard) for heard in attack.heard] == [2, 2, 8, 8]
    lengths = np.array([len(c.id) for c in CANDIDATES])
    np.testing.assert_array_equal(everyone, np.outer([1, 2], lengths[::-1]))
    np.testing.assert_array_equal(few, np.outer([1, 2], lengths[3:5]))
    assert some.scores(attack, []).shape == (2, 0)
    first = references_of(LossScores(None, None, (), some), 2)
    assert first is some


def test_fewer_references_are_the_first_ones_with_what_is_known_of_them():
    three = References([Weights(k, None, ()) for k in (1, 2, 3)], [frozenset("a")] * 3, RNG)
    attack = Listener()
    known = three.scores(attack, CANDIDATES)
    two = references_of(LossScores(None, None, (), three), 2)
    np.testing.assert_array_equal(two.scores(attack, CANDIDATES), known[:2])
    assert len(attack.heard) == len(two) + 1
    assert len(two.trained_on) == 2


def test_the_target_is_asked_once():
    attack = Listener()
    known = {"Listener()": {c.id: 7.0 for c in CANDIDATES[1:]}}
    view = LossScores(1, None, (), None, known)
    assert (signal_of(view, attack, CANDIDATES[1:], RNG) == 7.0).all()
    assert not attack.heard
    assert (signal_of(view, attack, CANDIDATES, RNG) != 7.0).all()


def test_each_reference_was_trained_on_the_heads_of_its_own_coins(out):
    experiment = Experiment.of(CELL, out, Path())
    game = experiment.game
    found = ReferenceModels(experiment, attacks_of(CELL.conditions)).load()
    included = found.included(CANDIDATES)
    assert included.shape == (3, len(CANDIDATES))
    assert len({row.tobytes() for row in included} | {game.coins.tobytes()}) == 4
    weights = [view.recognizer.state_dict()["network.output.bias"] for view in found.views]
    assert not any((a == b).all() for n, a in enumerate(weights) for b in weights[:n])
    # What was kept is what the models say.
    fresh = References(found.views, found.trained_on, RNG)
    assert repr(Loss()) in found.memory
    np.testing.assert_allclose(
        found.scores(Loss(), CANDIDATES), fresh.scores(Loss(), CANDIDATES), rtol=1e-5
    )
    own = game.with_other_coins(Randomness(CELL.seed).child("references", CELL.target, "coins", 0))
    assert {m.id for m in own.members} == found.trained_on[0]
    assert len(own.members) > len(found.trained_on[0]) or not included[0, -1]


def test_a_cell_attacks_with_the_references_of_its_suite(out):
    (record,) = read_records(out)
    assert record.status == "ok"
    assert record.leakages["membership-lira"]["auc"].scored
    assert set(record.scores["membership-rmia-offline"]) == {c.id for c in CANDIDATES}


def test_the_plan_trains_them_between_start_and_cells(tmp_path):
    jobs = {job.id: job for job in plan(SUITE, tmp_path, Path())}
    job = jobs["references-ctc-seed0"]
    assert job.needs == ("start-ctc",)
    before = ("start-ctc", "references-ctc-seed0")
    assert all(jobs[c.id].needs[:2] == before for c in SUITE.cells())
    assert not job.finished()
    assert not [j.id for j in plan(TINY, tmp_path, Path()) if j.id.startswith("references")]


def test_what_changes_the_references_changes_their_file(out):
    def file(conditions, attacks):
        experiment = Experiment(conditions, CELL.target, CELL.seed, out, Path())
        return ReferenceModels(experiment, attacks).file

    lira = {"membership-lira": LiRA(3)}
    here = file(CELL.conditions, lira)
    assert here == file(CELL.conditions, lira | {"membership": Loss()})
    assert here != file(CELL.conditions, lira | {"membership-rmia": RMIA(2)})
    assert here != file(CELL.conditions, {"membership-lira": LiRA(4)})
    longer = CELL.conditions.training.model_copy(update={"epochs": 9})
    assert here != file(CELL.conditions.model_copy(update={"training": longer}), lira)
    assert references_wanted({"membership": Loss()}) == 0


def test_other_speech_under_the_same_names_trains_them_again(out, tmp_path, monkeypatch):
    shutil.copytree(out, tmp_path / "run")
    attacks = attacks_of(CELL.conditions)

    def models():
        return ReferenceModels(Experiment.of(CELL, tmp_path / "run", Path()), attacks)

    def written():
        return models().weights_file.stat().st_mtime_ns, models().file.stat().st_mtime_ns

    put_in_place_of_speech(monkeypatch, small_game)
    before = written()
    models().load()
    assert written() == before

    def louder(conditions, target, seed, data):
        game = small_game(conditions, target, seed, data)
        loud = tuple(replace(c, samples=2 * c.samples) for c in game.candidates)
        return Game(game.public, loud, game.coins.copy(), game.test, game.unit)

    put_in_place_of_speech(monkeypatch, louder)
    assert len(models().load()) == 3
    assert all(now != then for now, then in zip(written(), before, strict=True))
