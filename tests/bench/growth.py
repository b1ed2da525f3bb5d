"""What commands cost that read records, by how many there are: `python -m tests.bench.growth`.

CPU time and peak memory of whole processes, each on a folder of its own; the slope is that of the
logarithms between the two largest sizes: 1 is linear. Prints the machine's speed too.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from tests.bench.many_records import FILE, make_run

SIZES = (10, 100, 1000)
COMMANDS = {
    "table": ["table", "{run}"],
    "compare": ["compare", "{run}"],
    "site": ["site", "{page}", "{run}"],
    "an unchanged run": ["run", "--suite", f"{{run}}/{FILE}", "--out", "{run}"],
}
LOOP = "total = 0\nfor number in range(10**7): total += number"
AS_FAST = 0.6  # seconds of it where the goals of this page were set


class Cost(NamedTuple):
    """CPU seconds of a process and its children, and its peak memory in MB."""

    seconds: float
    megabytes: float


def cost_of(command: Sequence[str]) -> Cost:
    """Run `overheard` with some arguments to its end and return what it cost.

    Raises:
        CalledProcessError: it failed.
    """
    line = [sys.executable, "-m", "leaderboard.cli", *command]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, line, stderr=said)
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)


def measure(home: Path, sizes: Sequence[int], commands: Sequence[str]) -> dict[str, list[Cost]]:
    """Return what each command costs at each size."""
    runs = [home / f"run{size}" for size in sizes]
    for run, size in zip(runs, sizes, strict=True):
        make_run(run, size)
    filled = [{"run": str(run), "page": str(home / f"page-{run.name}")} for run in runs]
    return {
        name: [cost_of([part.format_map(names) for part in COMMANDS[name]]) for names in filled]
        for name in commands
    }


def slope(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Return by which power values grow between the two largest sizes."""
    return math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2])


def table(sizes: Sequence[int], found: dict[str, list[Cost]]) -> str:
    """Return seconds and megabytes at each size, and their slopes."""
    rows = [
        [
            name,
            *(f"{cost.seconds:.1f} s" for cost in costs),
            f"{slope(sizes, [cost.seconds for cost in costs]):.2f}",
            *(f"{cost.megabytes:.0f} MB" for cost in costs),
            f"{slope(sizes, [cost.megabytes for cost in costs]):.2f}",
        ]
        for name, costs in found.items()
    ]
    counts = [f"{size:,}" for size in sizes]
    return tabulate(rows, ["records", *counts, "slope", *counts, "slope"], "github")


def seconds_of_additions() -> float:
    """Return how long ten million additions take in a loop here: how fast the machine is."""
    began = time.process_time()
    exec(LOOP, {})  # as in a script, where names are looked up
    return time.process_time() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        print(table(chosen.sizes, measure(Path(home), chosen.sizes, chosen.commands)))
    print(f"\n10^7 additions in a loop take {seconds_of_additions():.1f} s here.")


if __name__ == "__main__":
    main()
