"""`make bench`: what a private step costs beside a plain one, one thread, ratios in one run."""

import numpy as np
import pytest
import torch

from defenses.clipping import clipped_sum_one_by_one, normalised_sum
from targets.randomness import Randomness
from targets.recipe import Recipe, Schedule
from targets.recognizer import NETWORKS, Example, Recognizer
from targets.tokens import Characters

FRAMES, UNITS = (120, 260), (14, 40)  # shortest and longest, as in the embedded corpus


def plain(recognizer: Recognizer, batch: list[Example], _: float) -> None:
    """Add up the gradients of a batch without privacy, in the same physical batches."""
    by_length = sorted(batch, key=lambda e: len(e.features))
    recognizer.zero_grad()
    for start in range(0, len(by_length), 32):
        recognizer.example_losses(by_length[start : start + 32]).sum().backward()


STEPS = {"plain": plain, "edpsgd": normalised_sum, "dpsgd": clipped_sum_one_by_one}


def examples(count: int) -> list[Example]:
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        frames, units = (int(rng.integers(*limits)) for limits in (FRAMES, UNITS))
        features = torch.from_numpy(rng.normal(size=(frames, 64)).astype(np.float32))
        made.append(Example(features, rng.integers(1, 28, units).tolist()))
    return made


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("batch_size", [32, 256])
@pytest.mark.parametrize("target", sorted(NETWORKS))
def test_step(benchmark, target: str, batch_size: int, step: str) -> None:
    if not benchmark.enabled and (batch_size > 32 or step == "dpsgd"):
        pytest.skip("timed by `make bench` only")
    recipe = Recipe(target, Characters(), 128, 96, Schedule(1), 1e-5, batch_size)
    recognizer = recipe.untrained(Randomness(0))
    batch = examples(batch_size)
    benchmark.group = f"{target}, batch {batch_size}"
    benchmark.pedantic(STEPS[step], (recognizer, batch, 1.0), rounds=3, warmup_rounds=1)
