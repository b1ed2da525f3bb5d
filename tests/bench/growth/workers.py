"""How long equal jobs take, by how many work on them: processes, and Ray's.

The jobs of a run, started as `overheard run` starts its own, that do nothing but wait: what is
measured is how well work is shared out, and not how many cores a machine has to spare.
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
from leaderboard.jobs.scheduler import run
from targets.core.files import whole_file
from tests.bench.growth.curves import Growth, Panel, slope

SIZES = (1, 2, 4, 8)
JOBS, SECONDS = 16, 4.0
PROCESSES, RAY = "processes", "Ray"

MakePool = Callable[[Path], Pool]


def measure(
    home: Path, sizes: Sequence[int] = SIZES, *, jobs: int = JOBS, seconds: float = SECONDS
) -> Growth:
    """Return the wall times of the jobs with so many workers of each kind that is installed."""
    kinds = {PROCESSES: processes, **({RAY: ray} if importlib.util.find_spec("ray") else {})}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for kind, pools in kinds.items():
        for size in sizes:
            folder = home / f"{kind}{size}"
            waiting = [job(folder / f"{number}", seconds) for number in range(jobs)]
            with pools(size) as pool:
                began = time.monotonic()
                outcomes = run(waiting, folder, pool=pool)
                times[kind].append(time.monotonic() - began)
            assert all(outcome.status == "done" for outcome in outcomes.values())
    return Growth("workers", list(sizes), [Panel("wall time", "s", times)], slope)


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
