"""`make bench`: what a private step costs beside a plain one, one thread, ratios in one run."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import accumulate
from statistics import median
from time import process_time

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from defenses.dpsgd.clipping import clipped_sum_one_by_one, normalised_sum, trained_parameters
from targets.core.randomness import Randomness
from targets.models.base import train_adapters_alone
from targets.models.recognizer import Example, Recognizer
from targets.models.registry import TARGETS
from targets.speech.tokens import Characters
from targets.training.recipe import Recipe, Schedule
from tests.bench.opacus_twin import HARMLESS, OPACUS, ghost_step, hooks_step, physical
from tests.bench.table import tables
from tests.bench.torch_twin import TORCH
from tests.bench.twins import WITHOUT_TWIN, Kinds, layout, twin_of
from tests.fakes import COMPOSED, EACH_TARGET, QUANTISED

pytestmark = pytest.mark.one_version

TIMED = EACH_TARGET
# What is not timed here, and why.
ELSEWHERE = {
    "ctc-8bit": "ctc-2bit with more bits, which cost no time",
    "ctc-5bit": "ctc-2bit with more bits, which cost no time",
    "ctc-4bit": "ctc-2bit with more bits, which cost no time",
    "whisper": "its size is that of a checkpoint, which does not come with overheard",
}

FRAMES, UNITS = (120, 260), (14, 40)  # shortest and longest, as in the embedded corpus
CLIP = 1.0

Step = Callable[[Sequence[Example]], Iterable[Tensor]]


def plain(recognizer: Recognizer, batch: Sequence[Example]) -> list[Tensor]:
    """Add up the gradients of a batch without privacy, in the same physical batches."""
    recognizer.zero_grad()
    for part in physical(batch):
        recognizer.example_nll(part).sum().backward()
    return [parameter.grad for parameter in trained_parameters(recognizer)]


OURS, BEST = "plain (ours)", "plain (torch)"
STEPS: dict[str, Callable[[Recognizer], Step]] = {
    OURS: lambda recognizer: partial(plain, recognizer),
    BEST: lambda recognizer: partial(plain, twin_of(recognizer, TORCH)),
    "edpsgd": lambda recognizer: lambda batch: normalised_sum(recognizer, batch, CLIP).values(),
    "dpsgd": lambda recognizer: (
        lambda batch: clipped_sum_one_by_one(recognizer, batch, CLIP).values()
    ),
    "opacus hooks": partial(hooks_step, clip=CLIP),
    "opacus ghost": partial(ghost_step, clip=CLIP),
}
SLOW = set(STEPS) - {OURS, BEST, "edpsgd"}
# Whose parameters are laid out as those of a twin.
TWINS: dict[str, Kinds] = {BEST: TORCH, "opacus hooks": OPACUS, "opacus ghost": OPACUS}
# What an example's gradient is multiplied by, from its norm: the definition of each step.
CLIPPED = "clipped"
FACTORS: dict[str, Callable[[Tensor], Tensor]] = {
    OURS: torch.ones_like,
    BEST: torch.ones_like,
    "edpsgd": lambda norm: CLIP / (norm + 0.01),
    CLIPPED: lambda norm: CLIP / norm.clamp_min(CLIP),
}


def examples(count: int) -> list[Example]:
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        frames, units = (int(rng.integers(*limits)) for limits in (FRAMES, UNITS))
        features = torch.from_numpy(rng.normal(size=(frames, 64)).astype(np.float32))
        made.append(Example(features, rng.integers(1, 28, units).tolist()))
    return made


@cache
def sums_by_definition(target: str, batch_size: int) -> dict[str, Tensor]:
    """Return every weighted sum of `FACTORS`, (P,) over all parameters, one example at a time."""
    recognizer = recogniser_of(target, batch_size)
    sums = dict.fromkeys(FACTORS, torch.zeros(()))
    for example in examples(batch_size):
        loss = recognizer.example_nll([example])[0]
        gradient = flat(torch.autograd.grad(loss, trained_parameters(recognizer)))
        for name, factor in FACTORS.items():
            sums[name] = sums[name] + factor(gradient.norm()) * gradient
    return sums


def flat(gradients: Iterable[Tensor]) -> Tensor:
    return torch.cat([g.detach().flatten() for g in gradients])


def assert_is_its_definition(
    found: Iterable[Tensor], name: str, target: str, batch_size: int
) -> None:
    """Compare a step's sum with the slow one, entry for entry."""
    wanted = sums_by_definition(target, batch_size)[name if name in FACTORS else CLIPPED]
    if name in TWINS:
        wanted = wanted[layout(recogniser_of(target, batch_size), TWINS[name])]
    largest = wanted.abs().max().item()
    torch.testing.assert_close(flat(found), wanted, rtol=1e-3, atol=1e-4 * largest)


def recogniser_of(target: str, batch_size: int) -> Recognizer:
    """Return a target as schemes train it, at random weights."""
    recipe = Recipe(target, Characters(), 128, 96, Schedule(1), 1e-5, batch_size)
    recognizer = recipe.untrained(Randomness(0))
    train_adapters_alone(recognizer.network)
    return recognizer


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
@pytest.mark.parametrize("target", TIMED)
@pytest.mark.parametrize("batch_size", [32, 256])
@pytest.mark.parametrize("name", STEPS)
def test_step(benchmark, target: str, batch_size: int, name: str) -> None:
    if not benchmark.enabled and (batch_size > 32 or name in SLOW):
        pytest.skip("timed by `make bench` only")
    if batch_size > 32 and target in COMPOSED:
        pytest.skip("made of layers that are timed at 256 in other targets")
    if name == BEST and target in QUANTISED:
        pytest.skip("torch has no layers whose weights take few values")
    if name in TWINS and target in WITHOUT_TWIN:
        pytest.skip("its LSTMs begin anew within a row, which those of torch and Opacus cannot")
    if not benchmark.enabled:
        batch_size = 4  # enough for whether it is right
    step = STEPS[name](recogniser_of(target, batch_size))
    batch = examples(batch_size)
    benchmark.group = f"{target}, batch {batch_size}"
    rounds = 5 if batch_size == 32 else 1 if name in SLOW else 3
    plainly = (OURS,) if target in (*QUANTISED, *WITHOUT_TWIN) else (OURS, BEST)
    beside: dict[str, list[float]] = {kind: [] for kind in plainly}
    trainings = {name: STEPS[name](recogniser_of(target, batch_size)) for name in beside}

    def plain_first() -> None:
        """Time plain steps right before each timed one: a machine's speed changes."""
        for training, step in trainings.items():
            began = process_time()
            step(batch)
            beside[training].append(process_time() - began)

    if not benchmark.enabled:
        assert_is_its_definition(benchmark.pedantic(step, (batch,)), name, target, batch_size)
        return
    if batch_size == 32:
        # One physical batch, one example where they come alone. Before anything else, so that no
        # gradient of an earlier step is freed by this one.
        alone = [max(batch, key=lambda e: len(e.features))]
        benchmark.extra_info["peak_bytes"] = peak_bytes(step, alone if name == "dpsgd" else batch)
    found = benchmark.pedantic(step, (batch,), setup=plain_first, rounds=rounds, warmup_rounds=1)
    assert_is_its_definition(found, name, target, batch_size)
    timed = benchmark.stats.stats.data
    benchmark.extra_info["over"] = {
        training: median(a / b for a, b in zip(timed, taken[-rounds:], strict=True))
        for training, taken in beside.items()
    }


def test_every_target_is_timed_or_it_is_said_why_not():
    timed = [p if isinstance(p, str) else p.values[0] for p in TIMED]
    assert sorted([*timed, *ELSEWHERE]) == sorted(filter(TARGETS.is_own, TARGETS.names()))


def test_peak_memory_is_counted():
    def step(batch):
        first = torch.zeros(1000)
        second = first + 1
        del first
        third = second + 1
        return [third[: len(batch)]]

    assert 8000 <= peak_bytes(step, [None]) < 12000


def test_the_tables_divide_by_what_they_say():
    def entry(name, **found):
        return {"group": "ctc, batch 32", "params": {"name": name}, "stats": {"min": 0.1}} | {
            "extra_info": found
        }

    ours = entry(OURS, peak_bytes=4_000_000, over={OURS: 1.0, BEST: 2.0})
    best = entry(BEST, peak_bytes=2_000_000, over={OURS: 0.5, BEST: 1.0})
    private = entry("edpsgd", peak_bytes=6_000_000, over={OURS: 1.25, BEST: 2.5})
    times, sizes = (
        [cell.strip() for cell in text.split("|")[1:-1]]
        for text in tables({"benchmarks": [ours, best, private]}).splitlines()
        if text.startswith("| ctc")
    )
    assert times == ["ctc, batch 32", "100 ms", "0.50x", "1.25x", "2.50x", "-", "-", "-"]
    assert sizes == ["ctc, batch 32", "4 MB", "0.50x", "1.50x", "3.00x", "-", "-", "-"]
