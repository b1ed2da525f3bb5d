"""What the stages of an experiment cost, by how much speech there is.

CPU time and peak memory of whole processes. The page is that of one record a cell of a suite, with
as many candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.bench.growth.cost import Cost, cost_of, panels
from tests.bench.growth.curves import Growth, slope_of_added

SIZES = (300, 1_000, 3_000, 10_000)
STAGES = {  # of `tests.bench.growth.stage`: the first makes the speech of the others
    "making speech": "speech",
    "training, plain": "plain",
    "training, edpsgd": "edpsgd",
    "membership attack": "membership",
}
PAGE = "page"


def measure(home: Path, sizes: Sequence[int] = SIZES) -> Growth:
    """Return what each stage costs on so many utterances."""
    found = {name: [] for name in (*STAGES, PAGE)}
    for size in sizes:
        cache = home / f"speech{size}"
        for name, stage in STAGES.items():
            found[name].append(cost_of("tests.bench.growth.stage", stage, str(size), str(cache)))
        for file in cache.iterdir():  # gigabytes, of much speech
            file.unlink()
        found[PAGE].append(cost_of_page(home, size))
    return Growth("utterances", list(sizes), panels(found), slope_of_added)


def cost_of_page(home: Path, candidates: int) -> Cost:
    """Return what the page costs of one record a cell, of so many candidates each."""
    run, page = home / f"run{candidates}", home / f"page{candidates}"
    cost_of("tests.bench.growth.many_records", str(run), "1", str(candidates))
    return cost_of("leaderboard.cli", "site", str(page), str(run))
