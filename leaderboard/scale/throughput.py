"""How fast a device is: steps of plain training and of edpsgd, in each precision of products."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter, process_time
from typing import Any

import torch

from defenses.dpsgd.clipping import normalised_sum
from leaderboard.scale.checks import PRECISIONS, Row, Size, examples, moved, recognizer_of, title
from leaderboard.scale.work import Work, plain_work, private_work, shape_of
from targets.core.randomness import Randomness
from targets.models.recognizer import Example
from targets.speech.tokens import Characters

TIMED = "conformer"
ROUNDS = 5
LARGER = 4  # times the batch


def throughput(device: str, size: Size, rng: Randomness) -> Iterator[Row]:
    """Measure plain and edpsgd steps in each precision: operations a second, and their ratios.

    One more plain step has so many times the utterances: what a device gains by larger batches.
    """
    recognizer = recognizer_of(TIMED, size, rng, device)
    batch = moved(examples(size.timed_examples, size.frames, rng, equal=True), device)

    def plain(batch: Sequence[Example]) -> None:
        recognizer.zero_grad()
        recognizer.example_nll(batch).sum().backward()

    def private(batch: Sequence[Example]) -> None:
        normalised_sum(recognizer, batch, 1.0)

    steps = [
        Step("plain", plain, plain_work, batch),
        Step("edpsgd", private, private_work, batch),
        Step(f"plain, {LARGER} times the batch", plain, plain_work, batch * LARGER),
    ]
    network = shape_of(TIMED, Characters().size, size.channels, size.hidden)
    for used in PRECISIONS:
        recognizer.precision = used
        taken = _in_turns(steps, device)
        for step, found in zip(steps, taken, strict=True):
            usual = median(found)
            speed = step.work(network, len(step.batch), size.frames).operations / usual
            shown = f"{1000 * usual:.1f} ms, {speed:.2e} operations a second"
            yield Row(f"step of {title(TIMED, used)}: {step.name}", shown, "", None, speed)
        ratio = median(a / b for a, b in zip(taken[1], taken[0], strict=True))
        yield Row(title("edpsgd / plain", used), f"{ratio:.2f}", "", None, ratio)


@dataclass(frozen=True)
class Step:
    """A step that is timed, on a batch, and how its work is counted."""

    name: str
    take: Callable[[Sequence[Example]], None]
    work: Callable[[Any, int, int], Work]
    batch: Sequence[Example]


def _in_turns(steps: Sequence[Step], device: str) -> list[list[float]]:
    """Return the seconds of every round of each step."""
    # In turns, so that a change of the machine's speed meets all.
    taken: list[list[float]] = [[] for _ in steps]
    for number in range(ROUNDS + 1):
        for step, found in zip(steps, taken, strict=True):
            lasted = timed(partial(step.take, step.batch), device)
            if number:  # the first warms up
                found.append(lasted)
    return taken


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
