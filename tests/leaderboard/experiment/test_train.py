"""One cell from end to end, on tones: the same seed gives the same record, value for value."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import dp_accounting as dp
import numpy as np
import pytest
import torch

from defenses.registry import SCHEMES
from leaderboard.experiment import evaluate, train
from leaderboard.experiment.choices import attacks_of, defense_of
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.pending import attempted, finished, pending
from leaderboard.experiment.stages.scheme_work import SchemeWork
from leaderboard.experiment.stages.start import PublicStart
from leaderboard.experiment.train import recognizer_of, run_cell
from leaderboard.figures.headline import HEADLINE
from leaderboard.game.game import Game
from leaderboard.game.recipe import default_delta
from leaderboard.records.run_folder import history, read_records, record_failure
from leaderboard.spec.load import load_suite
from leaderboard.spec.paths import weights_file
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import canary, put_in_place_of_speech, recipe_for, speech, without_text

TINY = load_suite("tiny")
FEW = {  # of the attacks that take longest
    "inversion": {"candidates": 3, "steps": 1},
    "inversion-restoration": {"candidates": 3, "draws": 1},
    "gradient-leakage": {"candidates": 1},
}
ALIKE = {"seconds", "made", "code", "packages", "hardware"}  # what may differ between two runs


def with_attacks(cell, attacks):
    return cell.model_copy(
        update={"conditions": cell.conditions.model_copy(update={"attacks": attacks})}
    )


def on_few(cell):
    return with_attacks(
        cell,
        tuple(
            a.model_copy(update={"options": FEW.get(a.name, a.options)})
            for a in cell.conditions.attacks
        ),
    )


CELLS = {c.label: on_few(c) for c in TINY.cells()}
PLAIN = with_attacks(CELLS["none"], CELLS["none"].conditions.attacks[:3])


def small_game(conditions, target, seed, data):  # noqa: ARG001
    public = [*speech(4, "public"), *without_text(speech(3, "audio"))]
    private = [*speech(20, "private"), *(canary(n, 100 * n, repetitions=1 + n) for n in range(4))]
    test = [replace(u, attributes={"gender": "female"}) for u in speech(4, "test")]
    return Game.set_up(public, private, test, Randomness(seed))


@pytest.fixture(autouse=True)
def tones(monkeypatch):
    put_in_place_of_speech(monkeypatch, small_game)


def experiment_of(cell, out):
    return Experiment.of(cell, out, Path())


@pytest.fixture
def out(tmp_path):
    PublicStart(experiment_of(CELLS["none"], tmp_path)).compute()
    return tmp_path


def run(cell, out):
    heard = []
    run_cell(cell, experiment_of(cell, out), report=heard.append)
    assert heard == sorted(heard)
    assert all(0 < fraction <= 1 for fraction in heard)
    (record,) = [r for r in read_records(out) if r.cell == cell]
    return record


@pytest.mark.parametrize(
    "label",
    ["none", pytest.param("edpsgd", marks=pytest.mark.slow), "pate-gnmax"],
)
def test_the_same_seed_gives_the_same_record(label, out, tmp_path_factory):
    cell = CELLS[label]
    record = run(cell, out)
    torch.manual_seed(99)
    elsewhere = tmp_path_factory.mktemp("again")
    PublicStart(experiment_of(cell, elsewhere)).compute()
    again = run(cell, elsewhere)
    one, other = ({k: v for k, v in r.content.items() if k not in ALIKE} for r in (record, again))
    assert one == other

    assert record.status == "ok"
    assert set(HEADLINE) <= set(record.leakages)
    for attack, headline in HEADLINE.items():
        assert headline in record.leakages[attack]
    assert record.wer.scored
    game = small_game(cell.conditions, cell.target, cell.seed, Path())
    assert record.coins == {c.id: bool(h) for c, h in zip(game.candidates, game.coins, strict=True)}
    assert set(record.scores["membership"]) == set(record.coins)
    heard = [pair for of_speaker in record.word_errors.values() for pair in of_speaker.values()]
    errors, words = np.sum(heard, axis=0)
    assert record.wer.value == errors / words
    assert {s: set(u) for s, u in record.word_errors.items()} == {
        s: {u.id for u in game.test if u.speaker == s} for s in {u.speaker for u in game.test}
    }
    said = {i: speaker for speaker, ids in record.speakers.items() for i in ids}
    assert said == {c.id: c.speaker for c in game.candidates}
    assert record.repetitions == {f"canary-{n}": 1 + n for n in (1, 2, 3)}
    assert record.cohorts == {u.speaker: {"gender": "female"} for u in game.test}
    assert all(np.isfinite(list(scores.values())).all() for scores in record.scores.values())
    if label == "none":
        assert record.guarantee.promised is None
        assert record.auc_allowed == 1
        assert record.group_epsilon == {}
    else:
        assert list(record.group_epsilon) == ["2", "3", "4"]
        assert record.group_epsilon["4"] > record.group_epsilon["2"] > record.guarantee.epsilon
        assert 0.5 < record.auc_allowed < 1
        assert record.guarantee.epsilon <= cell.epsilon
        assert record.guarantee.delta < 1 / len(game.candidates)
    assert weights_file(out, cell).exists()


def untrainable(monkeypatch):
    def defense_of(cell):
        raise AssertionError(f"{cell.id} was trained again")

    monkeypatch.setattr(train, "defense_of", defense_of)


def alike(one, other):
    return all(
        one.content[key] == other.content[key] for key in one.content if key not in ALIKE - {"cell"}
    )


def test_a_changed_attack_alone_is_run_again(out, tmp_path_factory, monkeypatch):
    named = {choice.name: choice for choice in CELLS["none"].conditions.attacks}
    membership, calibrated, canary, inversion = (
        named[name] for name in ("membership", "membership-calibrated", "canary", "inversion")
    )
    longer = inversion.model_copy(update={"options": {"candidates": 3, "steps": 2}})
    before = with_attacks(CELLS["none"], (membership, canary, inversion))
    after = with_attacks(CELLS["none"], (membership, calibrated, longer))
    first = run(before, out)

    elsewhere = tmp_path_factory.mktemp("at-once")
    shutil.copytree(out / "starts", elsewhere / "starts")
    at_once = run(after, elsewhere)

    assert pending(out, after, {}).attacks == ("membership-calibrated", "inversion")
    assert not finished(out, after, {})
    untrainable(monkeypatch)
    second = run(after, out)
    assert finished(out, after, {})
    assert second.supersedes == first.digest
    assert alike(second.model_copy(update={"supersedes": None}), at_once)
    assert second.seconds["training"] == first.seconds["training"]
    assert "canary" not in second.seconds
    assert second.scores["inversion"] != first.scores["inversion"]
    assert second.scores["membership"] == first.scores["membership"]

    # And back again: only what the last record lacks or has otherwise.
    assert pending(out, before, {}).attacks == ("canary", "inversion")
    assert alike(run(before, out).model_copy(update={"supersedes": None}), first)
    assert len(history(out, before)) == 3


def test_edited_code_is_noticed_and_nothing_else_is_run_again(out, monkeypatch):
    cell = PLAIN
    first = run(cell, out)
    monkeypatch.setattr("leaderboard.experiment.pending.attack_code", lambda name: f"{name} edited")
    assert pending(out, cell, {}).attacks == tuple(first.leakages)
    monkeypatch.undo()
    assert finished(out, cell, {})
    monkeypatch.setattr("leaderboard.experiment.pending.scheme_code", lambda _: "edited")
    assert pending(out, cell, {}).trained is None


def test_a_changed_scheme_is_trained_again(out):
    cell = with_attacks(CELLS["pate-gnmax"], CELLS["none"].conditions.attacks[:1])
    first = run(cell, out)
    changed = cell.model_copy(update={"options": {**cell.options, "student_epochs": 2}})
    assert changed.id == cell.id
    assert pending(out, changed, {}).trained is None
    assert run(changed, out).supersedes == first.digest
    # The first weights are still there, and its record too.
    assert pending(out, cell, {}).attacks == ()


def test_a_failed_attempt_costs_nothing_that_succeeded_before_it(out, monkeypatch):
    cell = PLAIN
    first = run(cell, out)
    record_failure(cell, out, "no memory")
    assert not finished(out, cell, {})
    assert pending(out, cell, {}).attacks == ()
    untrainable(monkeypatch)
    again = run(cell, out)
    assert alike(again.model_copy(update={"supersedes": None}), first)


def test_other_speech_is_trained_on_again(out, monkeypatch):
    cell = with_attacks(CELLS["none"], CELLS["none"].conditions.attacks[:1])
    run(cell, out)
    more = with_attacks(cell, CELLS["none"].conditions.attacks[:2])
    untrainable(monkeypatch)

    def other_game(conditions, target, seed, data):
        game = small_game(conditions, target, seed, data)
        return Game(game.public, game.candidates, game.coins, game.test[:-1])

    put_in_place_of_speech(monkeypatch, other_game)
    with pytest.raises(AssertionError, match="trained again"):
        run(more, out)


def test_an_attack_that_fails_is_unscored_and_the_others_are_kept(out, monkeypatch):
    class Broken:
        access = "scores"

        def score(self, view, candidates, rng):  # noqa: ARG002
            raise RuntimeError("no luck")

    both = {**attacks_of(PLAIN.conditions), "canary": Broken()}
    monkeypatch.setattr(evaluate, "attacks_of", lambda _: both)
    record = run(PLAIN, out)
    assert record.status == "ok"
    assert "no luck" in record.leakages["canary"]["exposure"].method
    assert "canary" not in record.scores
    assert record.leakages["membership"]["auc"].scored
    # It is tried again by the next run, and by it alone; this one has left its result.
    assert not finished(out, PLAIN, {})
    assert pending(out, PLAIN, {}).attacks == ("canary",)
    assert attempted(out, PLAIN, {}, None)
    assert not attempted(out, PLAIN, {}, record.digest)
    monkeypatch.undo()
    put_in_place_of_speech(monkeypatch, small_game)
    untrainable(monkeypatch)
    again = run(PLAIN, out)
    assert "canary" in again.scores
    assert again.scores["membership"] == record.scores["membership"]
    assert finished(out, PLAIN, {})
    assert attempted(out, PLAIN, {}, again.digest)


def test_a_record_is_bound_to_its_weights(out, monkeypatch):
    whole, other = CELLS["none"], CELLS["pate-gnmax"]
    attacks = whole.conditions.attacks
    cell = with_attacks(whole, attacks[:2])
    record = run(cell, out)
    assert record.weights == hashlib.sha256(weights_file(out, cell).read_bytes()).hexdigest()
    more = with_attacks(cell, cell.conditions.attacks[:1])
    assert pending(out, more, {}).trained == record
    run(with_attacks(other, attacks[:1]), out)
    weights_file(out, cell).write_bytes(weights_file(out, other).read_bytes())
    assert pending(out, more, {}).trained is None
    untrainable(monkeypatch)
    with pytest.raises(AssertionError, match="trained again"):
        run(with_attacks(cell, attacks[2:3]), out)
    # A record from before digests were kept is taken at its word.
    old = record.model_copy(update={"weights": None})
    monkeypatch.setattr("leaderboard.experiment.pending.history", lambda *_: [old])
    assert pending(out, more, {}).trained == old


def test_other_speech_under_the_same_name_is_noticed(out, monkeypatch):
    cell = PLAIN
    monkeypatch.setattr("leaderboard.spec.paths.stamps", lambda *_: {"an4": "then"})
    run(cell, out)
    assert finished(out, cell, {"an4": "then"})
    left = pending(out, cell, {"an4": "now"})
    assert (left.finished, left.trained) == (False, None)
    # Speech of the same names and sizes is noticed by what it sounds like.

    def other_game(conditions, target, seed, data):
        game = small_game(conditions, target, seed, data)
        return Game(game.public[1:], game.candidates, game.coins, game.test)

    put_in_place_of_speech(monkeypatch, other_game)
    with pytest.raises(OverheardError, match="trained on other public speech; delete it"):
        assert experiment_of(cell, out).recipe


def test_the_recipe_knows_the_coins_only_on_average(out, monkeypatch):
    cell = CELLS["none"]
    game = small_game(cell.conditions, cell.target, cell.seed, Path())
    recipes = []
    for coins in (game.coins.copy(), ~game.coins, np.zeros_like(game.coins)):
        other = Game(game.public, game.candidates, coins, game.test)
        put_in_place_of_speech(monkeypatch, lambda *_, game=other: game)
        recipes.append(experiment_of(cell, out).recipe)
    assert {r.expected_members for r in recipes} == {15}  # (20 + 1 + 2 + 3 + 4) / 2
    assert {r.delta for r in recipes} == {1e-3}


@pytest.mark.parametrize("candidates", [1, 5, 10, 99, 100, 101, 1234, 10**6])
def test_delta_is_well_below_one_over_the_candidates(candidates):
    delta = default_delta(candidates)
    assert delta <= 1 / (10 * candidates) * (1 + 1e-9)
    assert delta > 1 / (101 * candidates)
    assert math.log10(delta) == pytest.approx(round(math.log10(delta)))


def test_a_false_claim_is_falsified(out, monkeypatch):
    """A perfect attack on a scheme that claims a tiny ε."""
    cell = CELLS["none"]
    coins = small_game(cell.conditions, cell.target, cell.seed, Path())
    betrayed = dict(zip((c.id for c in coins.candidates), coins.coins, strict=True))

    class Oracle:
        access = "scores"

        def score(self, view, candidates, rng):  # noqa: ARG002
            scores = np.array([float(betrayed[c.id]) for c in candidates])
            return evaluate.Findings(tuple(candidates), scores)

    class Liar:
        def train(self, recipe, members, public, rng):
            trained = SCHEMES.load("none")().train(recipe, members, public, rng)
            return train.Trained(trained.weights, dp.GaussianDpEvent(1e3))

    monkeypatch.setattr(evaluate, "attacks_of", lambda _: {"membership": Oracle()})
    monkeypatch.setattr(train, "defense_of", lambda _: Liar())
    record = run(cell, out)
    assert record.status == "falsified"
    assert record.audited_epsilon.low > record.guarantee.epsilon
    assert "audited ε is at least" in record.reason


def test_weights_that_do_not_fit_are_refused_in_words():
    recipe = recipe_for("ctc", speech(3, "public"))
    weights = dict(recipe.start)
    good = train.Trained(weights, dp.NonPrivateDpEvent())
    assert not any(p.requires_grad for p in recognizer_of(recipe, good).parameters())
    name = "network.output.bias"
    for bad, complaint in (
        (torch.zeros(2), "do not fit the target"),
        (weights[name] * math.nan, f"not finite: {name}"),
    ):
        with pytest.raises(OverheardError, match=complaint):
            recognizer_of(recipe, train.Trained(weights | {name: bad}, dp.NonPrivateDpEvent()))
    missing = {n: w for n, w in weights.items() if n != name}
    with pytest.raises(OverheardError, match="do not fit the target"):
        recognizer_of(recipe, train.Trained(missing, dp.NonPrivateDpEvent()))


def test_an_unknown_option_is_named():
    odd = CELLS["edpsgd"].model_copy(update={"options": {"epoch": 3}})
    with pytest.raises(OverheardError, match=r"scheme 'edpsgd': options: .*epoch"):
        defense_of(odd)
    conditions = odd.conditions
    choice = conditions.attacks[0].model_copy(update={"options": {"calibrate": True}})
    worse = conditions.model_copy(update={"attacks": (choice,)})
    with pytest.raises(OverheardError, match=r"attack 'membership': options: .*calibrate"):
        attacks_of(worse)


def test_a_start_without_untranscribed_speech_cannot_teach_itself(tmp_path, monkeypatch):
    cell = CELLS["none"]
    training = cell.conditions.training.model_copy(update={"self_training": 1})
    conditions = cell.conditions.model_copy(update={"training": training})
    game = small_game(conditions, cell.target, cell.seed, Path())
    transcribed = replace(game, public=tuple(u for u in game.public if u.text))
    put_in_place_of_speech(monkeypatch, lambda *_: transcribed)
    start = PublicStart(Experiment(conditions, cell.target, cell.seed, tmp_path, Path()))
    with pytest.raises(OverheardError, match=r"self_training: no public speech is untranscribed"):
        start.compute()


def test_what_a_scheme_shares_is_kept_and_computed_again_of_other_speech(out):
    cell = CELLS["pate-gnmax"]
    experiment, work = experiment_of(cell, out), defense_of(cell).shared_work
    game = experiment.game
    rng = experiment.rng("poll", cell.target)
    wanted = work.compute(experiment.recipe, game.members, game.public, rng)
    shared = SchemeWork(experiment, work)
    shared.compute()

    def kept():
        found, seconds = shared.load()
        assert found == json.loads(json.dumps(wanted))
        return seconds

    # Longer than it can have taken: so what is told again is what was kept.
    content = json.loads(shared.file.read_text()) | {"seconds": 1e6}
    shared.file.write_text(json.dumps(content))
    assert kept() == 1e6
    shared.file.write_text(json.dumps(content | {"speech": ["other", "speech"], "found": {}}))
    assert kept() < 1e6


def test_an_experiment_is_sent_as_names_alone(out):
    experiment = experiment_of(CELLS["none"], out)
    assert experiment.recipe.start
    sent = pickle.dumps(experiment)
    assert len(sent) < 10_000
    again = pickle.loads(sent)
    assert again == experiment
    assert "game" not in vars(again)
    assert "recipe" not in vars(again)
