"""How long equal jobs take, by how many work on them: processes, and Ray's.

The jobs of a run, shared out as `overheard run` shares out its own, that do nothing but wait: what
is measured is how well that goes, and not how many cores a machine has to spare. The start of the
workers is measured apart: it takes cores.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from leaderboard.jobs.job import Job, Named, Pool, Report
from leaderboard.jobs.processes import Processes
from leaderboard.jobs.scheduler import LOGS, run
from targets.core.files import whole_file
from tests.bench.growth.curves import Growth, Panel, slope

SIZES = (1, 2, 4)
JOBS, SECONDS = 16, 4.0
FIRST = 2.0  # seconds of the jobs that start workers: long enough for each to get one
PROCESSES, RAY = "processes", "Ray"

MakePool = Callable[[Path], Pool]


def measure(
    home: Path, sizes: Sequence[int] = SIZES, *, jobs: int = JOBS, seconds: float = SECONDS
) -> Growth:
    """Return the wall times of the jobs, and of the start, of each kind that is installed."""
    kinds = {PROCESSES: processes, **({RAY: ray} if importlib.util.find_spec("ray") else {})}
    starts: dict[str, list[float]] = {kind: [] for kind in kinds}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for kind, pools in kinds.items():
        for size in sizes:
            folder = home / f"{kind}{size}"
            first = [job(folder / f"first{number}", FIRST) for number in range(size)]
            waiting = [job(folder / f"{number}", seconds) for number in range(jobs)]
            with pools(size) as make:
                began = time.monotonic()
                pool = Kept(make(folder / LOGS))
                try:
                    done(first, folder, pool)
                    starts[kind].append(time.monotonic() - began - FIRST)
                    began = time.monotonic()
                    done(waiting, folder, pool)
                    times[kind].append(time.monotonic() - began)
                finally:
                    pool.pool.stop()
    panels = [Panel("wall time of the jobs", "s", times), Panel("start of workers", "s", starts)]
    return Growth("workers", list(sizes), panels, slope)


class Kept:
    """A pool that outlives a run."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.free, self.give, self.listen = pool.free, pool.give, pool.listen

    def stop(self) -> None:
        """Stop nothing."""


def done(jobs: Sequence[Job], folder: Path, pool: Pool) -> None:
    """Do jobs, none of which may fail."""
    outcomes = run(jobs, folder, pool=lambda _: pool)
    assert all(outcome.status == "done" for outcome in outcomes.values())


def job(path: Path, seconds: float) -> Job:
    """Return a job that waits, and leaves a file."""
    return Job(path.name, Named(__name__, wait.__name__), (path, seconds), path.exists)


def wait(path: Path, seconds: float, report: Report) -> None:
    """Wait, and leave a file."""
    report(0.0)
    time.sleep(seconds)
    with whole_file(path) as aside:
        aside.touch()


@contextmanager
def processes(size: int) -> Iterator[MakePool]:
    """Give a pool of so many processes."""
    yield partial(Processes, size)


@contextmanager
def ray(size: int) -> Iterator[MakePool]:
    """Give a pool on a cluster of Ray with so many CPUs, whose start is not measured."""
    from ray.cluster_utils import Cluster

    from leaderboard.jobs.ray_pool import RayPool

    head = {"num_cpus": size, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        yield partial(RayPool, cluster.address)
    finally:
        cluster.shutdown()
