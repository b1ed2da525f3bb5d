"""What must hold of a device before its figures are believed: each check is a row.

The CPU is the oracle of losses, and one example at a time that of norms. All of it is in single
precision: nothing here or in training turns on a shorter one, since a norm that comes out too small
lets an utterance count for more than ε allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time

import torch
from torch import Tensor

from defenses.dpsgd.clipping import normalised_sum, trained_parameters
from defenses.dpsgd.mechanism import set_noisy_mean
from leaderboard.scale.work import plain_work, private_work, shape_of
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer, untrained
from targets.nn.tape import recording, square_norms
from targets.speech.features import MELS
from targets.speech.tokens import Characters

LOSSES = 1e-4  # relative error that is let pass; weights rounded to 16 bits make 3e-4
NORMS = 1e-3  # of norms, where the order of sums counts for more
STANDARD_ERRORS = 5.0  # of a moment of the noise: chance passes it once in a million
TARGETS = ("ctc", "rnnt", "las", "hybrid", "conformer")
TIMED = "conformer"
ROUNDS = 5


@dataclass(frozen=True)
class Size:
    """How large the recognisers and their batches are."""

    channels: int = 128
    hidden: int = 96
    examples: int = 8
    timed_examples: int = 32
    frames: int = 200
    noise: int = 1_000_000


@dataclass(frozen=True)
class Row:
    """One check: what was found and wanted, in words; `passed` is None of a mere measurement."""

    name: str
    found: str
    wanted: str
    passed: bool | None
    figure: float


def checks(device: str, size: Size, rng: Randomness) -> Iterator[Row]:
    """Yield every check of a device, as it is done."""
    yield precision()
    for target in TARGETS:
        yield losses(target, device, size, rng)
        yield norms(target, device, size, rng)
    yield from noise(device, size, rng)
    yield from throughput(device, size, rng)


def precision() -> Row:
    """Tell whether products are in full single precision, on accelerators too."""
    found = torch.get_float32_matmul_precision()
    return Row("precision of products", found, "highest", found == "highest", math.nan)


def losses(target: str, device: str, size: Size, rng: Randomness) -> Row:
    """Compare the losses of a batch with those on the CPU, of the same weights."""
    batch = examples(size.examples, size.frames, rng)
    with torch.no_grad():
        there = recognizer_of(target, size, rng, device).example_nll(moved(batch, device)).cpu()
        here = recognizer_of(target, size, rng, "cpu").example_nll(batch)
    return _close(f"losses of {target}", there, here, LOSSES)


def norms(target: str, device: str, size: Size, rng: Randomness) -> Row:
    """Compare the per-example gradient norms from a tape with those of one example at a time."""
    recognizer = recognizer_of(target, size, rng, device)
    batch = moved(examples(size.examples, size.frames, rng), device)
    with recording() as tape:
        found = recognizer.example_nll(batch)
    together = square_norms(tape.gradients(found)).sqrt().cpu()
    alone = []
    for example in batch:
        loss = recognizer.example_nll([example])[0]
        gradients = torch.autograd.grad(loss, trained_parameters(recognizer))
        alone.append(torch.cat([g.flatten() for g in gradients]).norm().cpu())
    return _close(f"norms of {target}", together, torch.stack(alone), NORMS)


def noise(device: str, size: Size, rng: Randomness) -> Iterator[Row]:
    """Test mean, variance and fourth moment of the noise on a zero sum of gradients."""
    parameter = torch.zeros(size.noise, device=device)
    total = {parameter: torch.zeros_like(parameter)}
    deviation, expected = 3.0, 64.0
    set_noisy_mean(total, deviation, expected, rng.child("noise").torch(device))
    assert parameter.grad is not None
    drawn = parameter.grad.double().cpu() * expected / deviation
    # Of N standard normal numbers: the moment, and the deviation of one number's share of it.
    for name, power, moment, spread in (
        ("mean", 1, 0.0, 1.0),
        ("variance", 2, 1.0, math.sqrt(2)),
        ("fourth moment", 4, 3.0, math.sqrt(96)),
    ):
        found = float(drawn.pow(power).mean())
        bound = STANDARD_ERRORS * spread / math.sqrt(size.noise)
        wanted = f"{moment:g} ± {bound:.2g}"
        passed = abs(found - moment) <= bound
        yield Row(f"{name} of the noise", f"{found:.4f}", wanted, passed, found)


def throughput(device: str, size: Size, rng: Randomness) -> Iterator[Row]:
    """Measure a plain and an edpsgd step, their ratio, and the operations a second of each."""
    recognizer = recognizer_of(TIMED, size, rng, device)
    batch = moved(examples(size.timed_examples, size.frames, rng, equal=True), device)

    def plain() -> None:
        recognizer.zero_grad()
        recognizer.example_nll(batch).sum().backward()

    def private() -> None:
        normalised_sum(recognizer, batch, 1.0)

    # In turns, so that a change of the machine's speed meets both.
    steps = {"plain": plain, "edpsgd": private}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(ROUNDS + 1):
        for name, step in steps.items():
            lasted = timed(step, device)
            if number:  # the first warms up
                taken[name].append(lasted)
    network = shape_of(TIMED, Characters().size, size.channels, size.hidden)
    work = {
        "plain": plain_work(network, size.timed_examples, size.frames),
        "edpsgd": private_work(network, size.timed_examples, size.frames),
    }
    for name, found in taken.items():
        usual = median(found)
        speed = work[name].operations / usual
        shown = f"{1000 * usual:.1f} ms, {speed:.2e} operations a second"
        yield Row(f"step of {TIMED}: {name}", shown, "", None, speed)
    pairs = zip(taken["edpsgd"], taken["plain"], strict=True)
    ratio = median(a / b for a, b in pairs)
    yield Row("edpsgd / plain", f"{ratio:.2f}", "", None, ratio)


def recognizer_of(target: str, size: Size, rng: Randomness, device: str) -> Recognizer:
    """Return a target at random weights, the same on every device."""
    return untrained(target, Characters(), size.channels, size.hidden, rng.child("weights"), device)


def examples(count: int, frames: int, rng: Randomness, *, equal: bool = False) -> list[Example]:
    """Return random frames with random labels, on the CPU.

    Each has from half of `frames` up to all of them; all have so many where they are `equal`.
    """
    draws = rng.child("examples", count).numpy()
    found = []
    for _ in range(count):
        length = frames if equal else int(draws.integers(frames // 2, frames + 1))
        heard = torch.from_numpy(draws.normal(size=(length, MELS))).float()
        # Fewer labels than CTC has states for, blanks between equal ones included.
        found.append(Example(heard, draws.integers(1, 28, length // 10).tolist()))
    return found


def moved(batch: Sequence[Example], device: str) -> list[Example]:
    """Return examples whose frames are on a device, as training has them."""
    return [Example(e.features.to(device), e.labels) for e in batch]


def timed(step: Callable[[], None], device: str) -> float:
    """Return the seconds of a step, with all that it left to the device.

    On the CPU they are of all its threads together, so that other work counts little.
    """
    clock = process_time if device == "cpu" else perf_counter
    _wait(device)
    began = clock()
    step()
    _wait(device)
    return clock() - began


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()


def _close(name: str, found: Tensor, wanted: Tensor, tolerance: float) -> Row:
    error = float(((found - wanted).abs() / wanted.abs().clamp_min(1e-12)).max())
    # Not "above": what is not a number must not pass.
    passed = error <= tolerance
    return Row(name, f"{error:.1e} off", f"at most {tolerance:g}", passed, error)
