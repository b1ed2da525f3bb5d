"""One cell from end to end, on tones: the same seed gives the same record, value for value."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import dp_accounting as dp
import numpy as np
import pytest
import torch

from defenses.accounting import dp_sgd_event
from leaderboard import cell as cells
from leaderboard import start
from leaderboard.cell import attacks_of, defense_of, recognizer_of, run_cell, weights_file
from leaderboard.game import Game
from leaderboard.record import read_records, write_record
from leaderboard.start import default_delta, recipe_from_start, train_start
from leaderboard.suite import load_suite
from leaderboard.table import HEADLINE
from targets.errors import OverheardError
from targets.randomness import Randomness
from tests.fakes import canary, recipe_for, speech, without_text

TINY = load_suite("tiny")
CELLS = {c.label: c for c in TINY.cells()}
ALIKE = {"seconds", "made", "code", "packages", "hardware"}  # what may differ between two runs


def small_game(conditions, seed, data):  # noqa: ARG001
    public = [*speech(4, "public"), *without_text(speech(3, "audio"))]
    private = [*speech(20, "private"), *(canary(n, 100 * n, repetitions=1 + n) for n in range(4))]
    return Game.deal(public, private, speech(4, "test"), Randomness(seed))


@pytest.fixture(autouse=True)
def tones(monkeypatch):
    monkeypatch.setattr(cells, "deal", small_game)
    monkeypatch.setattr(start, "deal", small_game)


@pytest.fixture
def out(tmp_path):
    cell = CELLS["none"]
    train_start(cell.conditions, cell.target, cell.seed, tmp_path, Path(), report=lambda _: None)
    return tmp_path


def run(cell, out):
    heard = []
    run_cell(cell, out, Path(), report=heard.append)
    assert heard == sorted(heard)
    assert 0 < heard[0] <= heard[-1] <= 1
    (record,) = [r for r in read_records(out) if r.cell == cell]
    return record


@pytest.mark.parametrize("label", ["none", "edpsgd", "pate-gnmax"])
def test_the_same_seed_gives_the_same_record(label, out, tmp_path_factory):
    cell = CELLS[label]
    record = run(cell, out)
    torch.manual_seed(99)
    elsewhere = tmp_path_factory.mktemp("again")
    train_start(cell.conditions, cell.target, cell.seed, elsewhere, Path(), report=lambda _: None)
    again = run(cell, elsewhere)
    one, other = ({k: v for k, v in r.content.items() if k not in ALIKE} for r in (record, again))
    assert one == other

    assert record.status == "ok"
    assert set(HEADLINE) <= set(record.leakages)
    for attack, headline in HEADLINE.items():
        assert headline in record.leakages[attack]
    assert record.wer.scored
    game = small_game(cell.conditions, cell.seed, Path())
    assert record.coins == {c.id: bool(h) for c, h in zip(game.candidates, game.coins, strict=True)}
    assert set(record.scores["membership"]) == set(record.coins)
    assert all(np.isfinite(list(scores.values())).all() for scores in record.scores.values())
    if label == "none":
        assert record.guarantee.epsilon is None
    else:
        assert record.guarantee.epsilon <= cell.epsilon
        assert record.guarantee.delta < 1 / len(game.candidates)
    assert weights_file(out, cell).exists()


def test_adding_an_attack_changes_nothing_else(out, tmp_path_factory):
    cell = CELLS["none"]
    conditions = cell.conditions
    fewer = conditions.model_copy(update={"attacks": conditions.attacks[:1]})
    # Under other conditions, hence in another folder; the start does not depend on attacks.
    other = tmp_path_factory.mktemp("fewer")
    shutil.copytree(out / "starts", other / "starts")
    record = run(cell, out)
    short = run(cell.model_copy(update={"conditions": fewer}), other)
    assert short.scores["membership"] == record.scores["membership"]
    assert short.leakages["membership"] == record.leakages["membership"]
    assert short.wer == record.wer


def test_the_recipe_knows_the_coins_only_on_average(out):
    cell = CELLS["none"]
    game = small_game(cell.conditions, cell.seed, Path())
    recipes = [
        recipe_from_start(
            cell.conditions, cell.target, cell.seed, out,
            Game(game.public, game.candidates, coins, game.test),
        )
        for coins in (game.coins.copy(), ~game.coins, np.zeros_like(game.coins))
    ]  # fmt: skip
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
    coins = small_game(cell.conditions, cell.seed, Path())
    betrayed = dict(zip((c.id for c in coins.candidates), coins.coins, strict=True))

    class Oracle:
        access = "scores"

        def score(self, view, candidates, rng):  # noqa: ARG002
            scores = np.array([float(betrayed[c.id]) for c in candidates])
            return cells.Findings(tuple(candidates), scores)

    class Liar:
        def train(self, recipe, members, public, rng):
            trained = cells.SCHEMES["none"]().train(recipe, members, public, rng)
            return cells.Trained(trained.weights, dp.GaussianDpEvent(1e3))

    monkeypatch.setattr(cells, "attacks_of", lambda _: {"membership": Oracle()})
    monkeypatch.setattr(cells, "defense_of", lambda _: Liar())
    record = run(cell, out)
    assert record.status == "falsified"
    assert record.audited_epsilon.low > record.guarantee.epsilon
    assert "audited ε is at least" in record.reason
    assert write_record(record, out, correction=True).exists()


@pytest.mark.parametrize(
    ("event", "noise"),
    [
        (dp.GaussianDpEvent(1.0), "gaussian"),
        (dp_sgd_event(1.0, 0.1, 5), "gaussian"),
        (dp.ComposedDpEvent([dp.GaussianDpEvent(1.0), dp.GaussianDpEvent(2.0)]), "gaussian"),
        (dp.LaplaceDpEvent(1.0), "any"),
        (dp.SelfComposedDpEvent(dp.ComposedDpEvent([dp.LaplaceDpEvent(1.0)] * 2), 5), "any"),
        (dp.PoissonSampledDpEvent(0.1, dp.LaplaceDpEvent(1.0)), "any"),
        (dp.ComposedDpEvent([dp.GaussianDpEvent(1.0), dp.LaplaceDpEvent(1.0)]), "any"),
        (dp.RandomizedResponseDpEvent(0.5, 4), "any"),
        (dp.UnsupportedDpEvent(), "any"),
        (dp.NonPrivateDpEvent(), "any"),
        (dp.ComposedDpEvent([dp.GaussianDpEvent(1.0), dp.NonPrivateDpEvent()]), "any"),
    ],
    ids=repr,
)  # fmt: skip
def test_only_gaussian_noise_is_trusted_to_be_gaussian(event, noise):
    assert cells._noise(event) == noise


def test_weights_that_do_not_fit_are_refused_in_words():
    recipe = recipe_for("ctc", speech(3, "public"))
    weights = dict(recipe.start)
    good = cells.Trained(weights, dp.NonPrivateDpEvent())
    assert not any(p.requires_grad for p in recognizer_of(recipe, good).parameters())
    name = "network.output.bias"
    for bad, complaint in (
        (torch.zeros(2), "do not fit the target"),
        (weights[name] * math.nan, f"not finite: {name}"),
    ):
        with pytest.raises(OverheardError, match=complaint):
            recognizer_of(recipe, cells.Trained(weights | {name: bad}, dp.NonPrivateDpEvent()))
    missing = {n: w for n, w in weights.items() if n != name}
    with pytest.raises(OverheardError, match="do not fit the target"):
        recognizer_of(recipe, cells.Trained(missing, dp.NonPrivateDpEvent()))


def test_an_unknown_option_is_named():
    odd = CELLS["edpsgd"].model_copy(update={"options": {"epoch": 3}})
    with pytest.raises(OverheardError, match=r"scheme 'edpsgd': options: .*epoch"):
        defense_of(odd)
    conditions = odd.conditions
    choice = conditions.attacks[0].model_copy(update={"options": {"calibrate": True}})
    worse = conditions.model_copy(update={"attacks": (choice,)})
    with pytest.raises(OverheardError, match=r"attack 'membership': options: .*calibrate"):
        attacks_of(odd.model_copy(update={"conditions": worse}))
