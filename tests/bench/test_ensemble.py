"""`make bench`: what many models cost together, one by one, and beside one model on all the speech.

Each group is one amount of speech on one thread, so that its figures may be divided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest
import torch

from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.features import HOP
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.training.ensemble import Ensemble, fit_ensemble
from targets.training.fit import fit
from targets.training.recipe import Recipe, Schedule
from tests.bench.test_steps import examples

pytestmark = pytest.mark.one_version

TEACHER, REFERENCE = Schedule(1, batch_size=8), Schedule(1, batch_size=16)
RNG = Randomness(0)

Shards = list[list[Utterance]]
Result = TypeVar("Result")


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def speech(count: int) -> list[Utterance]:
    """Return noise as long as speech, with as many letters."""
    rng, tokens = np.random.default_rng(0), Characters()
    return [
        Utterance(
            str(n),
            "nobody",
            rng.normal(size=HOP * len(e.features)).astype(np.float32),
            tokens.decode(e.labels),
        )
        for n, e in enumerate(examples(count))
    ]


def recipe_of(target: str) -> Recipe:
    recipe = Recipe(target, Characters(), 128, 96, TEACHER, 1e-5, 1)
    return replace(recipe, start=recipe.untrained(RNG).state_dict())


def train_on_all(recipe: Recipe, shards: Shards, _: Schedule) -> list[Recognizer]:
    recognizer = recipe.build()
    fit(recognizer, [u for shard in shards for u in shard], REFERENCE, RNG)
    return [recognizer]


def train_one_by_one(recipe: Recipe, shards: Shards, schedule: Schedule) -> list[Recognizer]:
    recognizers = []
    for shard in shards:
        recognizer = recipe.build()
        fit(recognizer, shard, schedule, RNG)
        recognizers.append(recognizer)
    return recognizers


def train_together(recipe: Recipe, shards: Shards, schedule: Schedule) -> Ensemble:
    return fit_ensemble(recipe, shards, schedule, RNG)


def assert_learnt(trained: Ensemble | list[Recognizer], recipe: Recipe, shards: Shards) -> None:
    """Each model's mean loss on what it heard is finite and below that of where it started."""
    before = recipe.build()
    if isinstance(trained, Ensemble):
        trained = [trained.recognizer(k) for k in range(trained.size)]
    elif len(trained) < len(shards):
        shards = [[u for shard in shards for u in shard]]
    for recognizer, shard in zip(trained, shards, strict=True):
        loss = recognizer.nll(shard[:8]).mean()
        assert torch.isfinite(loss)
        assert loss < before.nll(shard[:8]).mean()


def timed(benchmark, group: str, run: Callable[..., Result], *arguments: object) -> Result:
    benchmark.group = group
    return benchmark.pedantic(run, arguments, rounds=1)


@pytest.mark.slow
@pytest.mark.parametrize("train", [train_on_all, train_one_by_one, train_together])
@pytest.mark.parametrize("target", ["ctc", "rnnt"])
def test_teachers(benchmark, target: str, train: Callable[..., None]) -> None:
    models = 100 if benchmark.enabled else 2
    spoken, rng = speech(17 * models), np.random.default_rng(1)
    owners = rng.integers(models, size=len(spoken))
    shards = [[u for u, k in zip(spoken, owners, strict=True) if k == m] for m in range(models)]
    recipe = recipe_of(target)
    trained = timed(benchmark, f"teachers, {target}", train, recipe, shards, TEACHER)
    assert_learnt(trained, recipe, shards)


@pytest.mark.parametrize("train", [train_one_by_one, train_together])
@pytest.mark.parametrize("target", ["ctc", "rnnt"])
def test_reference_models(benchmark, target: str, train: Callable[..., None]) -> None:
    models, spoken = (8, speech(128)) if benchmark.enabled else (2, speech(8))
    rng = np.random.default_rng(1)
    shards = [[u for u in spoken if rng.random() < 0.5] for _ in range(models)]
    recipe = recipe_of(target)
    trained = timed(benchmark, f"reference models, {target}", train, recipe, shards, REFERENCE)
    assert_learnt(trained, recipe, shards)


@pytest.mark.parametrize("how", ["one_by_one", "together"])
@pytest.mark.parametrize("verb", ["nll", "transcribe"])
@pytest.mark.parametrize("target", ["ctc", "rnnt"])
def test_asking(benchmark, target: str, verb: str, how: str) -> None:
    count, spoken = (16, speech(64)) if benchmark.enabled else (3, speech(2))
    models = unlike_models(recipe_of(target), count)
    alone = [models.recognizer(k) for k in range(models.size)]

    def ask(how: str) -> list[object]:
        if how == "together":
            return list(getattr(models, verb)(spoken))
        return [getattr(model, verb)(spoken) for model in alone]

    found = timed(benchmark, f"{verb}, {target}", ask, how)
    other = ask("together" if how == "one_by_one" else "one_by_one")
    if verb == "nll":
        losses = torch.stack(found)
        assert losses.std(0).median() > 0  # the models differ
        torch.testing.assert_close(losses, torch.stack(other), atol=1e-3, rtol=1e-4)
    else:
        assert found == other


def unlike_models(recipe: Recipe, count: int) -> Ensemble:
    """Return models that differ a little, so that an answer of the wrong one is seen."""
    rng = RNG.child("models").torch()
    weights = {
        name: torch.stack(
            [w * (1 + 0.01 * torch.randn(w.shape, generator=rng)) for _ in range(count)]
        )
        for name, w in recipe.build().network.state_dict().items()
    }
    return Ensemble(recipe, weights)
