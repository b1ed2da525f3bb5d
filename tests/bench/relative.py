"""A training step of each target, in steps of `ctc`: `python -m tests.bench.relative [TARGET ...]`.

The figures of `TargetEntry.step`. The step is that of `tests/bench/test_steps.py`, plain, in our
own layers, of a batch of 32. Each is timed right after one of `ctc`, and the figure is the median
ratio of such pairs. All are CPU times of one thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from time import process_time

import torch
from tabulate import tabulate

from targets.models.registry import TARGETS
from tests.bench.test_steps import examples, plain, recogniser_of

UNIT = "ctc"
BATCH = 32
ROUNDS = 9


def clocked(target: str) -> Callable[[], float]:
    """Return what takes one step of a target, and gives its seconds of CPU time."""
    recognizer, batch = recogniser_of(target, BATCH), examples(BATCH)

    def step() -> float:
        began = process_time()
        plain(recognizer, batch)
        return process_time() - began

    return step


def relative(target: str, rounds: int = ROUNDS) -> float:
    """Return the step of a target in steps of `ctc`, after one of each that warms up."""
    unit, step = clocked(UNIT), clocked(target)
    pairs = [(unit(), step()) for _ in range(rounds + 1)]
    return median(taken / of_unit for of_unit, taken in pairs[1:])


def names() -> list[str]:
    """Return the targets that can be trained without a checkpoint."""
    return [entry.name for entry in TARGETS if not entry.pretrained]


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows = [[name, f"{relative(name):.1f}"] for name in sys.argv[1:] or names()]
    print(tabulate(rows, ["target", f"step / {UNIT}"], "github", disable_numparse=True))
