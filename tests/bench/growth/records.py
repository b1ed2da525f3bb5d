"""What commands cost that read records, by how many there are.

CPU time and peak memory of whole processes, on a folder for each size.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.growth.cost import Cost, cost_of, panels
from tests.bench.growth.curves import Growth, slope_of_added

SIZES = (10, 100, 1000)  # at least; rounded up to whole seeds
FILE = "suite.toml"
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
AS_FAST = 0.6  # seconds of it where the goals of docs/cost.md were set


def measure(home: Path, sizes: Sequence[int] = SIZES) -> Growth:
    """Return what each command costs in folders of at least so many records; print the page's."""
    counts, costs = [], []
    for size in sizes:
        names = {"run": str(home / f"run{size}"), "page": str(home / f"page{size}")}
        cost_of("tests.bench.growth.many_records", names["run"], str(size))
        counts.append(len(list(Path(names["run"], "records").iterdir())))
        costs.append([cost_of_command(command, names) for command in COMMANDS.values()])
    page = size_of(home / f"page{sizes[-1]}")
    print(f"The first page of {counts[-1]:,} records has {page:.1f} MB.")
    print(f"10^7 additions in a loop take {seconds_of_additions():.1f} s here.\n")
    found = dict(zip(COMMANDS, map(list, zip(*costs, strict=True)), strict=True))
    return Growth("records", counts, panels(found), slope_of_added)


def cost_of_command(command: Sequence[str], names: dict[str, str]) -> Cost:
    """Return what `overheard` costs with arguments in which folders have names."""
    return cost_of("leaderboard.cli", *(part.format_map(names) for part in command))


def size_of(page: Path) -> float:
    """Return how many MB a browser loads for the first page, without the library that draws."""
    files = [page / "index.html", *(page / "assets").iterdir()]
    return sum(file.stat().st_size for file in files if file.name != "plotly.min.js") / 1e6


def seconds_of_additions() -> float:
    """Return how long ten million additions take in a loop here: how fast the machine is."""
    began = time.process_time()
    exec(LOOP, {})  # as in a script, where names are looked up
    return time.process_time() - began
