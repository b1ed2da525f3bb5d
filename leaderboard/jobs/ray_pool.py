"""Where jobs run: a cluster, as tasks of Ray.

The folders of results and of speech must lie on a file system that every machine of the cluster
sees under the same path, and the same overheard must be installed on each: tasks leave their
results in files, as local workers do, and only names travel.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from leaderboard.jobs.job import Job, News
from leaderboard.jobs.worker import ENVIRONMENT, packed, run_job
from targets.core.errors import OverheardError

RETRIES = 3  # of a job whose process or machine was lost; one that raises is not tried again


class RayPool:
    """The cluster at an address, which gives each job so many CPUs and GPUs, or parts of them.

    What a job prints is in `logs/<job>.log`. How far jobs are is not heard of, only how they end.

    Raises:
        OverheardError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str, logs: Path, *, cpus: float = 1.0, gpus: float = 0.0) -> None:
        try:
            import ray
        except ImportError:
            raise OverheardError("--ray needs Ray: pip install 'overheard[ray]'") from None
        self.ray = ray
        self.logs = logs.absolute()
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            text = " ".join(str(error).split())
            raise OverheardError(f"--ray {address}: no cluster there: {text}") from None
        self.task = ray.remote(
            num_cpus=cpus,
            num_gpus=gpus,
            max_retries=RETRIES,
            runtime_env={"env_vars": ENVIRONMENT},
        )(run_job)
        self.at_work: dict[Any, tuple[Job, float]] = {}

    def free(self) -> bool:
        """Return True: Ray keeps what its machines have no room for yet."""
        return True

    def give(self, job: Job) -> None:
        """Hand a job to the cluster."""
        work = packed(job)
        task = self.task.options(name=job.id).remote(job.id, work, self.logs, _unheard)
        self.at_work[task] = (job, time.monotonic())

    def listen(self) -> list[News]:
        """Wait for the end of a task."""
        # With a timeout, so that Ctrl-C is heard.
        ended: list[Any] = []
        while not ended:
            ended, _ = self.ray.wait(list(self.at_work), timeout=1.0)
        return [self._hear(task) for task in ended]

    def stop(self) -> None:
        """Kill the tasks that are still at work, and leave the cluster."""
        for task in self.at_work:
            self.ray.cancel(task, force=True)
        self.ray.shutdown()

    def _hear(self, task: Any) -> News:
        job, began = self.at_work.pop(task)
        try:
            reason = self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            first = str(error).strip().splitlines()[0]
            reason = f"lost {RETRIES + 1} times on the cluster: {type(error).__name__}: {first}"
        return News(job, reason=reason, seconds=time.monotonic() - began)


def _unheard(fraction: float) -> None:
    """Let the fraction pass: nobody listens on this side."""
