"""How long equal jobs take, by how many work on them: processes, and Ray's.

The jobs of a run, shared out as `overheard run` shares out its own. Some do nothing but wait: what
they measure is how well that goes, and not how many cores a machine has to spare. Others compute,
one thread each: what they gain is bounded by its cores. The start of the workers is measured apart.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from leaderboard.jobs.job import Job, Named, Pool, Report
from leaderboard.jobs.processes import Processes
from leaderboard.jobs.scheduler import LOGS, run
from targets.core.files import whole_file
from tests.bench.growth.curves import Growth, Panel, slope

SIZES = (1, 2, 4)
JOBS, SECONDS = 16, 2.0
FIRST = 2.0  # seconds of the jobs that start workers: long enough for each to get one
PROCESSES, RAY, COMPUTING = "processes", "Ray", "processes that compute"
PRODUCTS = 100_000  # of a computing job: about two seconds of one core

MakePool = Callable[[Path], Pool]


def measure(
    home: Path,
    sizes: Sequence[int] = SIZES,
    *,
    jobs: int = JOBS,
    seconds: float = SECONDS,
    products: int = PRODUCTS,
) -> Growth:
    """Return the wall times of the jobs, and of the start, of each kind that is installed."""
    kinds = {
        PROCESSES: (processes, wait, seconds),
        **({RAY: (ray, wait, seconds)} if importlib.util.find_spec("ray") else {}),
        COMPUTING: (processes, compute, products),
    }
    starts: dict[str, list[float]] = {kind: [] for kind in kinds}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for kind, (pools, work, much) in kinds.items():
        for size in sizes:
            folder = home / f"{kind}{size}"
            first = [job(folder / f"first{number}", wait, FIRST) for number in range(size)]
            waiting = [job(folder / f"{number}", work, much) for number in range(jobs)]
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


def job(path: Path, work: Callable[..., None], much: float) -> Job:
    """Return a job that does so much of some work, and leaves a file."""
    return Job(path.name, Named(__name__, work.__name__), (path, much), path.exists)


def wait(path: Path, seconds: float, report: Report) -> None:
    """Wait, and leave a file."""
    report(0.0)
    time.sleep(seconds)
    with whole_file(path) as aside:
        aside.touch()


def compute(path: Path, products: int, report: Report) -> None:
    """Do what the steps of a recurrence do, and leave a file."""
    report(0.0)
    rng = np.random.default_rng(0)
    state, weights = rng.standard_normal((32, 96)), rng.standard_normal((96, 96)) / 96
    for _ in range(products):
        state = np.tanh(state @ weights + 1)
    with whole_file(path) as aside:
        aside.write_text(f"{state.sum()}")


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
