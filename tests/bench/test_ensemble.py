"""`make bench`: what many models cost together, one by one, and beside one model on all the speech.

Each group is one amount of speech on one thread, so that its figures may be divided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from targets.core.randomness import Randomness
from targets.speech.features import HOP
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.training.ensemble import fit_ensemble
from targets.training.fit import fit
from targets.training.recipe import Recipe, Schedule
from tests.bench.test_steps import examples

TEACHER, REFERENCE = Schedule(1, batch_size=8), Schedule(1, batch_size=16)
RNG = Randomness(0)


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
            tokens.decode(e.units),
        )
        for n, e in enumerate(examples(count))
    ]


def recipe_of(target: str) -> Recipe:
    recipe = Recipe(target, Characters(), 128, 96, TEACHER, 1e-5, 1)
    return replace(recipe, start=recipe.untrained(RNG).state_dict())


def train_on_all(recipe: Recipe, shards: list[list[Utterance]], _: Schedule) -> None:
    fit(recipe.build(), [u for shard in shards for u in shard], REFERENCE, RNG)


def train_one_by_one(recipe: Recipe, shards: list[list[Utterance]], schedule: Schedule) -> None:
    for shard in shards:
        fit(recipe.build(), shard, schedule, RNG)


def train_together(recipe: Recipe, shards: list[list[Utterance]], schedule: Schedule) -> None:
    fit_ensemble(recipe, shards, schedule, RNG)


def timed(benchmark, group: str, run: Callable[..., object], *arguments: object) -> None:
    benchmark.group = group
    benchmark.pedantic(run, arguments, rounds=1)


@pytest.mark.parametrize("train", [train_on_all, train_one_by_one, train_together])
@pytest.mark.parametrize("target", ["ctc", "rnnt"])
def test_teachers(benchmark, target: str, train: Callable[..., None]) -> None:
    models = 100 if benchmark.enabled else 2
    spoken, rng = speech(17 * models), np.random.default_rng(1)
    owners = rng.integers(models, size=len(spoken))
    shards = [[u for u, k in zip(spoken, owners, strict=True) if k == m] for m in range(models)]
    timed(benchmark, f"teachers, {target}", train, recipe_of(target), shards, TEACHER)


@pytest.mark.parametrize("train", [train_one_by_one, train_together])
@pytest.mark.parametrize("target", ["ctc", "rnnt"])
def test_reference_models(benchmark, target: str, train: Callable[..., None]) -> None:
    models, spoken = (8, speech(128)) if benchmark.enabled else (2, speech(8))
    rng = np.random.default_rng(1)
    shards = [[u for u in spoken if rng.random() < 0.5] for _ in range(models)]
    timed(benchmark, f"reference models, {target}", train, recipe_of(target), shards, REFERENCE)


@pytest.mark.parametrize("how", ["one_by_one", "together"])
@pytest.mark.parametrize("verb", ["loss", "transcribe"])
@pytest.mark.parametrize("target", ["ctc", "rnnt"])
def test_asking(benchmark, target: str, verb: str, how: str) -> None:
    spoken = speech(64 if benchmark.enabled else 4)
    models = fit_ensemble(recipe_of(target), [[]] * 16, TEACHER, RNG)
    alone = [models.recognizer(k) for k in range(models.size)]

    def ask() -> None:
        for model in [models] if how == "together" else alone:
            getattr(model, verb)(spoken)

    timed(benchmark, f"{verb}, {target}", ask)
