"""Leaks past the mechanism: private statistics and a private vocabulary, released without noise.

No gradient shows them, because they never pass the clipped sum. An auditor who holds what is
released (the weights with their buffers, the list of labels) sees them at once.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np

from attacks.statistics.evidence import Trials
from defenses.dpsgd.scheme import DPSGD
from leaderboard.audits.gradient_canaries import Evidence
from leaderboard.game import recipe as recipes
from leaderboard.game.game import Game
from leaderboard.spec.load import load_suite
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.tokens import Characters
from targets.speech.utterance import SAMPLE_RATE, Utterance
from targets.training.recipe import Recipe, Schedule
from tests.zoo.mechanisms import DELTA, Broken

RARE = "zyzzyva"  # a word that public speech does not hold


def private_statistics():
    """Take the feature statistics from the members."""
    real = Recognizer.examples

    def broken(self, utterances):
        if utterances:
            self.logmel.calibrate(utterances)
        return real(self, utterances)

    return patch.object(Recognizer, "examples", broken)


def private_vocabulary():
    """Learn the subword units from the members' transcripts too."""
    real = recipes.untrained_recipe

    def broken(conditions, target, game, device, data):
        every = (*game.public, *game.members)
        tokens = recipes.public_recipe(conditions, target, every, device, data).tokens
        return replace(real(conditions, target, game, device, data), tokens=tokens)

    return patch.object(recipes, "untrained_recipe", broken)


def watch_buffers(runs: int, rng: Randomness) -> Evidence:
    """Train a small target by DP-SGD, with a loud member or without, and read its buffers."""
    recipe = _recipe()
    defense = DPSGD(4.0, epochs=1.0, batch_size=4)
    others = [_noise("other-1", 0.01), _noise("other-2", 0.01)]
    scores = []
    for number in range(2 * runs):
        members = [*others, _noise("canary", 0.5)] if number % 2 == 0 else others
        trained = defense.train(recipe, members, (), rng.child(number))
        scores.append(float(trained.weights["logmel.mean"].sum()))
    return Evidence(trained.event, {"buffers": _many_runs(scores)})


def watch_vocabulary(runs: int, rng: Randomness) -> Evidence:
    """Prepare the recipe of a suite, with a rare word among the members or without.

    The event is DP-SGD's, whose claim the vocabulary breaks; training would change nothing.
    """
    conditions = load_suite("tiny").model_copy(update={"tokens": "subwords"})
    texts = ("turn the kitchen light on", "set a timer for ten minutes", "call my brother now")
    public = [_said(f"public-{i}", text) for i, text in enumerate(texts)]
    canary = _said("canary", " ".join([RARE] * 20))
    scores = []
    for number in range(2 * runs):
        coins = np.array([number % 2 == 0])
        game = Game(tuple(public), (canary,), coins, ())
        tokens = recipes.untrained_recipe(conditions, "ctc", game, "cpu", Path()).tokens
        scores.append(-len(tokens.encode(RARE)))
    trained = DPSGD(4.0, epochs=1.0, batch_size=4).train(_recipe(), (), (), rng)
    return Evidence(trained.event, {"vocabulary": _many_runs(scores)})


def _many_runs(scores: list[float]) -> Trials:
    return Trials(np.array(scores[::2]), np.array(scores[1::2]), "utterance", "many_runs")


@cache
def _recipe() -> Recipe:
    recipe = Recipe("ctc", Characters(), 4, 4, Schedule(1), DELTA, expected_members=4)
    weights = recipe.untrained(Randomness(0)).state_dict()
    return Recipe("ctc", Characters(), 4, 4, Schedule(1), DELTA, expected_members=4, start=weights)


@cache
def _noise(name: str, amplitude: float) -> Utterance:
    samples = amplitude * Randomness(0).child(name).numpy().normal(size=SAMPLE_RATE // 5)
    return Utterance(name, name, samples.astype(np.float32), "a")


def _said(name: str, text: str) -> Utterance:
    return Utterance(name, name, np.zeros(0, np.float32), text)


ARTEFACTS = (
    Broken(
        "feature statistics of the members", "dpsgd", private_statistics, watch_buffers, runs=60
    ),
    Broken(
        "vocabulary of the members' transcripts",
        "dpsgd",
        private_vocabulary,
        watch_vocabulary,
        runs=60,
    ),
)
