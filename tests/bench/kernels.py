"""Where a step's time goes, kernel by kernel: `python -m tests.bench.kernels [TARGET]`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import torch
from tabulate import tabulate
from torch.profiler import ProfilerActivity, profile

from targets.models.recognizer import Example
from tests.bench.test_steps import BEST, OURS, STEPS, Step, examples, recogniser_of

SHOWN = (BEST, OURS, "edpsgd")
MOST = 14  # kernels; the rest is one row
ROUNDS = 5
BATCH = 32

Times = dict[str, float]  # milliseconds by kernel


def once(step: Step, batch: Sequence[Example]) -> Times:
    """Return the CPU milliseconds that one step spends in each kernel itself."""
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler:
        step(batch)
    return {event.key: event.self_cpu_time_total / 1000 for event in profiler.key_averages()}


def times(steps: Mapping[str, Step], batch: Sequence[Example]) -> dict[str, Times]:
    """Return the times of the fastest of `ROUNDS` rounds of each step, taken in turns."""
    rounds = [{name: once(step, batch) for name, step in steps.items()} for _ in range(ROUNDS + 1)]
    return {
        name: min((found[name] for found in rounds[1:]), key=lambda each: sum(each.values()))
        for name in steps
    }


def table(target: str) -> str:
    """Return the kernels of plain and private steps side by side, by what privacy adds."""
    batch = examples(BATCH)
    steps = {name: STEPS[name](recogniser_of(target, BATCH)) for name in SHOWN}
    found = times(steps, batch)
    kernels = {kernel for each in found.values() for kernel in each}
    rows = [[kernel, *(found[name].get(kernel, 0.0) for name in SHOWN)] for kernel in kernels]
    rows.sort(key=lambda row: -abs(row[-1] - row[1]))
    rest = ["all others", *(sum(row[n] for row in rows[MOST:]) for n in range(1, len(SHOWN) + 1))]
    total = ["together", *(sum(found[name].values()) for name in SHOWN)]
    body = [[*row, row[-1] - row[1]] for row in [*rows[:MOST], rest, total]]
    headers = ["kernel, ms", *SHOWN, f"edpsgd - {BEST}"]
    return tabulate(body, headers, "github", floatfmt=".1f")


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(table(sys.argv[1] if len(sys.argv) > 1 else "ctc"))
