"""`make bench`: what a private step costs beside a plain one, one thread, ratios in one run."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from statistics import median
from time import process_time

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from defenses.dpsgd.clipping import clipped_sum_one_by_one, normalised_sum
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer
from targets.models.registry import TARGETS
from targets.speech.tokens import Characters
from targets.training.recipe import Recipe, Schedule
from tests.bench.opacus_twin import HARMLESS, ghost_step, hooks_step, physical

FRAMES, UNITS = (120, 260), (14, 40)  # shortest and longest, as in the embedded corpus
CLIP = 1.0

Step = Callable[[Sequence[Example]], object]


def plain(recognizer: Recognizer, batch: Sequence[Example]) -> None:
    """Add up the gradients of a batch without privacy, in the same physical batches."""
    recognizer.zero_grad()
    for part in physical(batch):
        recognizer.example_losses(part).sum().backward()


STEPS: dict[str, Callable[[Recognizer], Step]] = {
    "plain": lambda recognizer: partial(plain, recognizer),
    "edpsgd": lambda recognizer: partial(normalised_sum, recognizer, clip=CLIP),
    "dpsgd": lambda recognizer: partial(clipped_sum_one_by_one, recognizer, clip=CLIP),
    "opacus hooks": partial(hooks_step, clip=CLIP),
    "opacus ghost": partial(ghost_step, clip=CLIP),
}
SLOW = set(STEPS) - {"plain", "edpsgd"}


def examples(count: int) -> list[Example]:
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        frames, units = (int(rng.integers(*limits)) for limits in (FRAMES, UNITS))
        features = torch.from_numpy(rng.normal(size=(frames, 64)).astype(np.float32))
        made.append(Example(features, rng.integers(1, 28, units).tolist()))
    return made


def peak_bytes(step: Step, batch: Sequence[Example]) -> int:
    """Return the most bytes of tensors that a step holds at once, beyond what was there before."""
    with profile(
        activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True
    ) as profiler:
        step(batch)
    events = profiler.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return max(accumulate(size for _, size in changes))


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.filterwarnings(HARMLESS)
@pytest.mark.parametrize("target", sorted(TARGETS.names()))
@pytest.mark.parametrize("batch_size", [32, 256])
@pytest.mark.parametrize("name", STEPS)
def test_step(benchmark, target: str, batch_size: int, name: str) -> None:
    if not benchmark.enabled and (batch_size > 32 or name in SLOW):
        pytest.skip("timed by `make bench` only")
    recipe = Recipe(target, Characters(), 128, 96, Schedule(1), 1e-5, batch_size)
    reference = recipe.untrained(Randomness(0))
    step = STEPS[name](recipe.untrained(Randomness(0)))
    batch = examples(batch_size)
    benchmark.group = f"{target}, batch {batch_size}"
    rounds = 5 if batch_size == 32 else 1 if name in SLOW else 3
    beside: list[float] = []

    def plain_first() -> None:
        """Time a plain step right before each timed one: a machine's speed changes."""
        began = process_time()
        plain(reference, batch)
        beside.append(process_time() - began)

    if not benchmark.enabled:
        benchmark.pedantic(step, (batch,))
        return
    if batch_size == 32:
        # One physical batch, one example where they come alone. Before anything else, so that no
        # gradient of an earlier step is freed by this one.
        alone = [max(batch, key=lambda e: len(e.features))]
        benchmark.extra_info["peak_bytes"] = peak_bytes(step, alone if name == "dpsgd" else batch)
    benchmark.pedantic(step, (batch,), setup=plain_first, rounds=rounds, warmup_rounds=1)
    pairs = zip(benchmark.stats.stats.data, beside[-rounds:], strict=True)
    benchmark.extra_info["over_plain"] = median(time / other for time, other in pairs)


def test_peak_memory_is_counted():
    def step(batch):
        first = torch.zeros(1000)
        second = first + 1
        del first
        third = second + 1
        return third[: len(batch)]

    assert 8000 <= peak_bytes(step, [None]) < 12000
