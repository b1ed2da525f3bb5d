"""What must hold of a device before its figures are believed: each check is a row.

The CPU is the oracle of losses, and one example at a time that of norms, both in single precision.
Products of factors cut to bfloat16 (`targets.nn.precision`) may be further off. What no precision
may do is let an utterance weigh more than the clip norm, or move what the others weigh by more than
rounding: that is what ε rests on, and checked by taking utterances away.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from defenses.dpsgd.clipping import normalised_sum, trained_parameters
from defenses.dpsgd.mechanism import set_noisy_mean
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer, untrained
from targets.nn.precision import BF16, SINGLE
from targets.nn.tape import recording, square_norms
from targets.speech.features import MELS
from targets.speech.tokens import Characters

LOSSES = 1e-4  # relative error that is let pass; weights rounded to 16 bits make 3e-4
NORMS = 1e-3  # of norms, where the order of sums counts for more
BF16_LOSSES, BF16_NORMS = 0.01, 0.03  # the same where factors have eight bits
WEIGHT = 1e-5  # by which rounding may let an utterance weigh more than the clip norm
# How far the others may move with one utterance, in clip norms: their sums are padded and ordered
# otherwise. No ε accounts for it; noise larger by this share would.
OTHERS = {SINGLE: 1e-3, BF16: 1e-2}
LEARNT = 20  # steps before that is measured
STANDARD_ERRORS = 5.0  # of a moment of the noise: chance passes it once in a million
TARGETS = ("ctc", "rnnt", "las", "hybrid", "conformer")
PRECISIONS = (SINGLE, BF16)


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
        for used in PRECISIONS:
            yield losses(target, device, size, rng, used)
            yield norms(target, device, size, rng, used)
            yield from sensitivity(target, device, size, rng, used)
    yield from noise(device, size, rng)


def precision() -> Row:
    """Tell whether products that are not cut are in full single precision, on accelerators too."""
    found = torch.get_float32_matmul_precision()
    return Row("precision of products", found, "highest", found == "highest", math.nan)


def losses(target: str, device: str, size: Size, rng: Randomness, used: str = SINGLE) -> Row:
    """Compare the losses of a batch, products in a precision, with exact ones on the CPU."""
    batch = examples(size.examples, size.frames, rng)
    with torch.no_grad():
        network = recognizer_of(target, size, rng, device, used)
        there = network.example_nll(moved(batch, device)).cpu()
        here = recognizer_of(target, size, rng, "cpu").example_nll(batch)
    tolerance = LOSSES if used == SINGLE else BF16_LOSSES
    return _close(f"losses of {title(target, used)}", there, here, tolerance)


def norms(target: str, device: str, size: Size, rng: Randomness, used: str = SINGLE) -> Row:
    """Compare the per-example gradient norms from a tape with those of one example at a time."""
    recognizer = recognizer_of(target, size, rng, device, used)
    batch = moved(examples(size.examples, size.frames, rng), device)
    with recording() as tape:
        found = recognizer.example_nll(batch)
    together = square_norms(tape.gradients(found)).sqrt().cpu()
    recognizer.precision = SINGLE
    alone = []
    for example in batch:
        loss = recognizer.example_nll([example])[0]
        gradients = torch.autograd.grad(loss, trained_parameters(recognizer))
        alone.append(torch.cat([g.flatten() for g in gradients]).norm().cpu())
    tolerance = NORMS if used == SINGLE else BF16_NORMS
    return _close(f"norms of {title(target, used)}", together, torch.stack(alone), tolerance)


def sensitivity(
    target: str, device: str, size: Size, rng: Randomness, used: str = SINGLE
) -> Iterator[Row]:
    """Measure what the shortest, a middle and the longest utterance do to edpsgd's clipped sum.

    Each is taken away from more than one physical batch, of a target that has learnt a little: what
    it weighs by itself, and how far the sum of the others moves, in clip norms.
    """
    recognizer = recognizer_of(target, size, rng, device)
    batch = moved(examples(size.timed_examples + 1, size.frames, rng), device)
    batch.sort(key=lambda e: len(e.features))
    _learn(recognizer, batch[: size.examples])
    recognizer.precision = used
    whole = _clipped(recognizer, batch)
    weights, moves = [], []
    for place in (0, len(batch) // 2, len(batch) - 1):
        alone = _clipped(recognizer, batch[place : place + 1])
        weights.append(float(alone.norm()))
        rest = _clipped(recognizer, batch[:place] + batch[place + 1 :])
        moves.append(float((whole - alone - rest).norm()))
    for name, found, most in (
        ("weight of an utterance", max(weights), 1 + WEIGHT),
        ("others moved by one", max(moves), OTHERS[used]),
    ):
        shown = f"{found:.6f}" if most > 1 else f"{found:.1e}"
        full = f"{name}, {title(target, used)}"
        yield Row(full, shown, f"at most {most:g}", found <= most, found)


def _learn(recognizer: Recognizer, batch: Sequence[Example]) -> None:
    # At random weights little depends on what was rounded.
    optimizer = torch.optim.Adam(recognizer.network.parameters(), lr=2e-3)
    for _ in range(LEARNT):
        optimizer.zero_grad()
        recognizer.example_nll(batch).mean().backward()
        optimizer.step()


def _clipped(recognizer: Recognizer, batch: Sequence[Example]) -> Tensor:
    sums = normalised_sum(recognizer, batch, 1.0)
    return torch.cat([sum_.flatten() for sum_ in sums.values()]).double()


def title(name: str, used: str) -> str:
    """Return the name of what was found in a precision."""
    return name if used == SINGLE else f"{name}, {used}"


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


def recognizer_of(
    target: str, size: Size, rng: Randomness, device: str, used: str = SINGLE
) -> Recognizer:
    """Return a target at random weights, the same on every device, which trains in a precision."""
    weights = rng.child("weights")
    found = untrained(target, Characters(), size.channels, size.hidden, weights, device)
    found.precision = used
    return found


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


def _close(name: str, found: Tensor, wanted: Tensor, tolerance: float) -> Row:
    error = float(((found - wanted).abs() / wanted.abs().clamp_min(1e-12)).max())
    # Not "above": what is not a number must not pass.
    passed = error <= tolerance
    return Row(name, f"{error:.1e} off", f"at most {tolerance:g}", passed, error)
