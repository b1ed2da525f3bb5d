"""Where jobs run: worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from leaderboard.jobs.job import Job, News
from leaderboard.jobs.worker import ENVIRONMENT, packed, run_job


class Processes:
    """Up to `limit` processes; what a job prints is in `logs/<job>.log`.

    With `gpus` there is one process for each of so many GPUs, and it sees no other.
    """

    def __init__(self, limit: int, logs: Path, *, gpus: int = 0) -> None:
        self.limit = gpus or max(1, limit)
        self.gpus = gpus
        self.logs = logs
        self.workers: list[_Worker] = []

    def free(self) -> bool:
        """Return whether a process is idle or may still be started."""
        for worker in list(self.workers):
            if worker.job is None and not worker.process.is_alive():
                self.workers.remove(worker)
                worker.stop()
        return len(self.workers) < self.limit or any(w.job is None for w in self.workers)

    def give(self, job: Job) -> None:
        """Send a job to an idle process, or to a new one."""
        work = packed(job)
        idle = [worker for worker in self.workers if worker.job is None]
        if not idle:
            idle = [_Worker(self.logs, self._free_gpu())]
            self.workers += idle
        idle[0].give(job, work)

    def listen(self) -> list[News]:
        """Wait for a message of a process, or for its death."""
        busy = [worker for worker in self.workers if worker.job]
        # The sentinel too: what a dead worker started may still hold its end of the pipe.
        wait([end for w in busy for end in (w.pipe, w.process.sentinel)])
        news = []
        for worker in busy:
            if worker.pipe.poll() or not worker.process.is_alive():
                news.append(self._hear(worker))
        return news

    def stop(self) -> None:
        """Kill every process."""
        for worker in self.workers:
            worker.stop()

    def _free_gpu(self) -> int | None:
        """Return the GPU of a process to be started; None where it may see them all."""
        taken = {worker.gpu for worker in self.workers}
        return next((gpu for gpu in range(self.gpus) if gpu not in taken), None)

    def _hear(self, worker: _Worker) -> News:
        job = worker.job
        assert job is not None
        seconds = time.monotonic() - worker.began
        try:
            if not worker.pipe.poll():
                raise EOFError
            fraction, reason = worker.pipe.recv()
        except (EOFError, OSError):
            self.workers.remove(worker)
            return News(job, reason=worker.cause_of_death(), seconds=seconds)
        if fraction is None:
            worker.job = None
        return News(job, fraction, reason, seconds)


class _Worker:
    """The parent's end of one worker process."""

    def __init__(self, logs: Path, gpu: int | None) -> None:
        self.gpu = gpu
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_work, args=(theirs, logs), name="overheard-worker", daemon=False
        )
        visible = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": str(gpu)}
        with _environment(ENVIRONMENT | visible):
            self.process.start()
        # Only the worker holds its end now: its death reads as the end of the pipe.
        theirs.close()
        self.job: Job | None = None
        self.began = 0.0

    def give(self, job: Job, work: bytes) -> None:
        self.job = job
        self.began = time.monotonic()
        # A worker that died this very moment is heard of by the end of its pipe.
        with suppress(OSError):
            self.pipe.send((job.id, work))

    def cause_of_death(self) -> str:
        # Its pipe ends a moment before it does.
        self.process.join(timeout=5)
        code = self.process.exitcode or 0
        self.stop()
        if code == -signal.SIGKILL:
            return "its process was killed (signal 9), perhaps for want of memory"
        if code < 0:
            return f"its process died of signal {-code} ({signal.Signals(-code).name})"
        return f"its process ended itself with exit code {code}"

    def stop(self) -> None:
        # Results are whole or absent, so that a worker may be killed at any moment; its group
        # holds whatever it started.
        assert self.process.pid is not None
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.pipe.close()


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the processes started inside the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(pipe: Connection, logs: Path) -> None:
    """Run what comes through the pipe, in a worker process, until the pipe ends."""
    # A group of its own: Ctrl-C reaches the parent alone, which decides what it means, and the
    # worker can be killed together with all it started.
    os.setpgid(0, 0)
    threading.Thread(target=_die_with_the_parent, daemon=True).start()
    with suppress(EOFError):
        while True:
            name, work = pipe.recv()
            reason = run_job(name, work, logs, lambda fraction: pipe.send((fraction, None)))
            pipe.send((None, reason))


def _die_with_the_parent() -> None:
    """Kill this worker and all it started once the parent is gone, were it by `kill -9`."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.killpg(0, signal.SIGKILL)
