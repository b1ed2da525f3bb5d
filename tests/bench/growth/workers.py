"""How long a suite of equal cells takes, by how many work on it: processes, and Ray's.

Wall time of `overheard run`, the shortest of a few rounds that take turns, since other work on the
machine lengthens it. The speech is made before.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.growth.curves import Growth, Panel, slope

SIZES = (1, 2)
ROUNDS = 2
CELLS = 6
SUITE = """
name = "equal"
description = "Equal cells, to be shared out among workers."
seeds = {seeds}
targets = ["ctc"]
tokens = "characters"

[speech.public]
source = "embedded"
speakers = 4
utterances = 40

[speech.private]
source = "embedded"
speakers = 8
utterances = {utterances}

[speech.test]
source = "embedded"
speakers = 2
utterances = 10

[training]
public_epochs = 1
epochs = 30
batch_size = 16
learning_rate = 2e-3
channels = 96
hidden = 64

[[schemes]]
name = "none"

[[attacks]]
name = "membership"
"""
PROCESSES, RAY = "processes", "Ray"


def measure(
    home: Path, sizes: Sequence[int] = SIZES, *, cells: int = CELLS, utterances: int = 60
) -> Growth:
    """Return the wall times of the suite with so many workers of each kind that is installed."""
    suite = home / "suite.toml"
    suite.write_text(SUITE.format(seeds=list(range(cells)), utterances=utterances))
    kinds = [PROCESSES, *([RAY] if importlib.util.find_spec("ray") else [])]
    run(suite, home / "first", ["--workers", str(max(sizes))])  # makes the speech
    times: dict[str, list[list[float]]] = {kind: [[] for _ in sizes] for kind in kinds}
    for number in range(ROUNDS):
        for place, size in enumerate(sizes):
            for kind in kinds:
                out = home / f"{kind}{size}-{number}"
                with options_of(kind, size) as options:
                    times[kind][place].append(run(suite, out, options))
    shortest = {kind: [min(rounds) for rounds in found] for kind, found in times.items()}
    return Growth("workers", list(sizes), [Panel("wall time", "s", shortest)], slope)


def run(suite: Path, out: Path, options: Sequence[str]) -> float:
    """Run a suite into a new folder and return the seconds that it took."""
    line = [sys.executable, "-m", "leaderboard.cli", "run", "--suite", str(suite)]
    environment = {**os.environ, "OVERHEARD_CACHE": str(suite.parent / "cache")}
    began = time.monotonic()
    subprocess.run(
        [*line, "--out", str(out), *options], check=True, capture_output=True, env=environment
    )
    return time.monotonic() - began


@contextmanager
def options_of(kind: str, size: int) -> Iterator[list[str]]:
    """Give the options of `overheard run` for so many workers, with a cluster of Ray that has them.

    Its start is not part of a run.
    """
    if kind == PROCESSES:
        yield ["--workers", str(size)]
        return
    from ray.cluster_utils import Cluster

    head = {"num_cpus": size, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        yield ["--ray", cluster.address]
    finally:
        cluster.shutdown()
