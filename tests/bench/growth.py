"""What commands cost that read records, by how many there are: `python -m tests.bench.growth`.

CPU time and peak memory of whole processes, on a folder for each size. The slope is that of the
logarithms of what larger folders add to the smallest: 1 is linear. Prints also how large the page
is, and how fast the machine.
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

SIZES = (10, 100, 1000)  # at least; rounded up to whole seeds
RUN = ["run", "--suite", f"{{run}}/{FILE}", "--out", "{run}"]
# In this order: the first run verifies every record, and keeps which.
COMMANDS = {
    "table, nothing verified": ["table", "{run}"],
    "run, nothing verified": RUN,
    "an unchanged run": RUN,
    "table": ["table", "{run}"],
    "compare": ["compare", "{run}"],
    "site": ["site", "{page}", "{run}"],
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


def measure(home: Path, sizes: Sequence[int]) -> tuple[list[int], dict[str, list[Cost]]]:
    """Return how many records there are in each folder, and what each command costs there."""
    runs = [home / f"run{size}" for size in sizes]
    counts = [make_run(run, size) for run, size in zip(runs, sizes, strict=True)]
    filled = [{"run": str(run), "page": str(page_of(run))} for run in runs]
    return counts, {
        name: [cost_of([part.format_map(names) for part in command]) for names in filled]
        for name, command in COMMANDS.items()
    }


def page_of(run: Path) -> Path:
    """Return the folder of the page of a run."""
    return run.with_name(f"page-{run.name}")


def size_of(page: Path) -> float:
    """Return how many MB a browser loads for the first page, without the library that draws."""
    files = [page / "index.html", *(page / "assets").iterdir()]
    return sum(file.stat().st_size for file in files if file.name != "plotly.min.js") / 1e6


def slope(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Return by which power values grow beyond the first, by the two largest sizes."""
    sizes, values = [n - sizes[0] for n in sizes], [value - values[0] for value in values]
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
    headers = ["records", *counts, "slope", *counts, "slope"]
    return tabulate(rows, headers, "github", disable_numparse=True)


def seconds_of_additions() -> float:
    """Return how long ten million additions take in a loop here: how fast the machine is."""
    began = time.process_time()
    exec(LOOP, {})  # as in a script, where names are looked up
    return time.process_time() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        counts, found = measure(Path(home), chosen.sizes)
        print(table(counts, found))
        size = size_of(page_of(Path(home) / f"run{chosen.sizes[-1]}"))
        print(f"\nThe first page of {counts[-1]:,} records has {size:.1f} MB.")
    print(f"10^7 additions in a loop take {seconds_of_additions():.1f} s here.")


if __name__ == "__main__":
    main()
