"""Runs jobs that depend on one another in worker processes, and goes on where a run was killed.

A job leaves its result in files, written whole or not at all (`leaderboard.atomic`), and says
itself whether it is finished. So nothing has to be remembered between runs, and a run that was
killed at any moment goes on from the finished jobs.

Each job starts from the same state of every global random generator, whichever worker runs it and
whatever ran there before: the order of jobs changes no figure.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import pickle
import random
import signal
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from leaderboard.atomic import remove_partial_files
from targets.errors import OverheardError

LOCK = ".lock"
LOGS = "logs"
REPORT_SECONDS = 0.1  # between two reports of progress by one job

# One thread a worker: cells run beside each other, and sums of floats keep their order. A fixed
# hash seed keeps the order of sets.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}


class RunnerError(OverheardError):
    """Jobs that cannot be run: one line with the reason."""


class InterruptedRunError(OverheardError):
    """The user stopped the run; the message says how to go on."""


class Report(Protocol):
    """Called by a job as often as it likes with the fraction done, in [0, 1]."""

    def __call__(self, fraction: float, /) -> None:
        """Tell how far the job is."""


@dataclass(frozen=True)
class Job:
    """One piece of work: `function(*arguments, report=...)` in a worker process.

    `function` and `arguments` are pickled. `finished` says whether the result is there, also
    after an earlier run. `needs` names jobs that must be finished before. `weight` is how long
    the job takes relative to others, for the estimate of the remaining time. `on_failure` is
    called in the parent with the reason in one line.
    """

    id: str
    function: Callable[..., object]
    arguments: tuple[Any, ...]
    finished: Callable[[], bool]
    needs: tuple[str, ...] = ()
    weight: float = 1.0
    on_failure: Callable[[str], object] | None = None


@dataclass(frozen=True)
class Outcome:
    """How a job ended: done now, kept from an earlier run, failed, or blocked by one that did."""

    job: str
    status: Literal["done", "kept", "failed", "blocked"]
    reason: str | None = None
    seconds: float = 0.0


class Progress(Protocol):
    """Who watches a run."""

    def start(self, jobs: Sequence[Job]) -> None:
        """Learn which jobs are still to be run."""

    def begin(self, job: Job) -> None:
        """Learn that a job has begun."""

    def update(self, job: Job, fraction: float) -> None:
        """Learn how far a job is."""

    def end(self, job: Job, outcome: Outcome) -> None:
        """Learn how a job ended."""


class Silent:
    """Watches nothing."""

    def start(self, jobs: Sequence[Job]) -> None:
        """Do nothing."""

    def begin(self, job: Job) -> None:
        """Do nothing."""

    def update(self, job: Job, fraction: float) -> None:
        """Do nothing."""

    def end(self, job: Job, outcome: Outcome) -> None:
        """Do nothing."""


def run(
    jobs: Sequence[Job], folder: Path, workers: int = 1, progress: Progress | None = None
) -> dict[str, Outcome]:
    """Run the jobs that are not finished, each after those it needs, and return every outcome.

    A job that raises, dies or leaves no result fails; what needs it is blocked; the rest goes on.
    What a job prints, and the traceback of its failure, is in `folder/logs/<job>.log`.

    Raises:
        RunnerError: another run works in `folder`, or the jobs do not fit together.
        InterruptedRunError: the user pressed Ctrl-C.
    """
    _check(jobs)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        remove_partial_files(folder)
        grid = _Grid(jobs, folder / LOGS, progress or Silent())
        try:
            return grid.run(workers)
        except KeyboardInterrupt:
            ended = sum(o.status in ("done", "kept") for o in grid.outcomes.values())
            raise InterruptedRunError(
                f"stopped with {ended} of {len(jobs)} jobs finished; "
                "the same command goes on from there"
            ) from None
        finally:
            grid.stop()


def _check(jobs: Sequence[Job]) -> None:
    known: set[str] = set()
    for job in jobs:
        if job.id in known:
            raise RunnerError(f"job {job.id} appears twice")
        for need in job.needs:
            # Listing what is needed first also rules out circles.
            if need not in known:
                raise RunnerError(f"job {job.id} needs {need}, which is not listed before it")
        known.add(job.id)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunnerError(f"{folder}: another run is at work here") from None
        yield


class _Grid:
    """The state of one run: what is waiting, what is running where, how the rest ended."""

    def __init__(self, jobs: Sequence[Job], logs: Path, progress: Progress) -> None:
        self.logs = logs
        self.progress = progress
        self.outcomes: dict[str, Outcome] = {}
        self.workers: list[_Worker] = []
        self.waiting: list[Job] = []
        for job in jobs:
            if job.finished():
                self.outcomes[job.id] = Outcome(job.id, "kept")
            else:
                self.waiting.append(job)

    def run(self, workers: int) -> dict[str, Outcome]:
        self.progress.start(self.waiting)
        while self.waiting or any(worker.job for worker in self.workers):
            self._block()
            self._assign(workers)
            self._listen()
        return self.outcomes

    def stop(self) -> None:
        for worker in self.workers:
            worker.stop()

    def _block(self) -> None:
        for job in list(self.waiting):
            for need in job.needs:
                outcome = self.outcomes.get(need)
                if outcome and outcome.status in ("failed", "blocked"):
                    self.waiting.remove(job)
                    self._end(job, Outcome(job.id, "blocked", f"needs {need}, which failed"))
                    break

    def _assign(self, limit: int) -> None:
        ready = [job for job in self.waiting if all(n in self.outcomes for n in job.needs)]
        for job in ready:
            worker = self._free_worker(limit)
            if worker is None:
                return
            self.waiting.remove(job)
            try:
                worker.give(job)
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                self._end(job, Outcome(job.id, "failed", f"cannot be sent to a worker: {error}"))
                continue
            self.progress.begin(job)

    def _free_worker(self, limit: int) -> _Worker | None:
        for worker in list(self.workers):
            if worker.job is None and worker.process.is_alive():
                return worker
            if worker.job is None:
                self.workers.remove(worker)
                worker.stop()
        if len(self.workers) >= max(1, limit):
            return None
        self.workers.append(_Worker(self.logs))
        return self.workers[-1]

    def _listen(self) -> None:
        busy = [worker for worker in self.workers if worker.job]
        if busy:
            # The sentinel too: what a dead worker started may still hold its end of the pipe.
            wait([end for w in busy for end in (w.pipe, w.process.sentinel)])
        for worker in busy:
            if worker.pipe.poll() or not worker.process.is_alive():
                self._hear(worker)

    def _hear(self, worker: _Worker) -> None:
        job = worker.job
        assert job is not None
        try:
            if not worker.pipe.poll():
                raise EOFError
            kind, content = worker.pipe.recv()
        except (EOFError, OSError):
            self.workers.remove(worker)
            self._end(job, worker.outcome("failed", worker.obituary()))
            return
        if kind == "progress":
            self.progress.update(job, content)
            return
        if kind == "failed":
            outcome = worker.outcome("failed", content)
        elif not job.finished():
            outcome = worker.outcome("failed", "ended without leaving its result")
        else:
            outcome = worker.outcome("done", None)
        worker.job = None
        self._end(job, outcome)

    def _end(self, job: Job, outcome: Outcome) -> None:
        self.outcomes[job.id] = outcome
        if outcome.reason is not None and job.on_failure is not None:
            job.on_failure(outcome.reason)
        self.progress.end(job, outcome)


class _Worker:
    """The parent's end of one worker process."""

    def __init__(self, logs: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_work, args=(theirs, logs), name="overheard-worker", daemon=False
        )
        with _environment(ENVIRONMENT):
            self.process.start()
        # Only the worker holds its end now: its death reads as the end of the pipe.
        theirs.close()
        self.job: Job | None = None
        self.began = 0.0

    def give(self, job: Job) -> None:
        work = pickle.dumps((job.function, job.arguments))
        self.job = job
        self.began = time.monotonic()
        # A worker that died this very moment is heard of by the end of its pipe.
        with suppress(OSError):
            self.pipe.send((job.id, work))

    def outcome(self, status: Literal["done", "failed"], reason: str | None) -> Outcome:
        assert self.job is not None
        return Outcome(self.job.id, status, reason, time.monotonic() - self.began)

    def obituary(self) -> str:
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
    logs.mkdir(parents=True, exist_ok=True)
    with suppress(EOFError):
        while True:
            name, work = pipe.recv()
            with _log(logs / f"{name}.log"):
                result = _do(name, work, pipe)
            pipe.send(result)


def _die_with_the_parent() -> None:
    """Kill this worker and all it started once the parent is gone, were it by `kill -9`."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.killpg(0, signal.SIGKILL)


def _do(name: str, work: bytes, pipe: Connection) -> tuple[str, str]:
    try:
        function, arguments = pickle.loads(work)
        _same_start(name)
        function(*arguments, report=_reporter(pipe))
    except Exception as error:
        traceback.print_exc()
        return "failed", _one_line(error)
    return "done", ""


def _reporter(pipe: Connection) -> Report:
    last = -1.0

    def report(fraction: float, /) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_SECONDS:
            last = time.monotonic()
            pipe.send(("progress", float(fraction)))

    return report


def _same_start(name: str) -> None:
    seed = zlib.crc32(name.encode())
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (the global generator is what libraries may use)
    # Imported by the job's own module by now, if the job uses it at all.
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
        torch.manual_seed(seed)


@contextmanager
def _log(path: Path) -> Iterator[None]:
    """Send all that is printed, also by compiled code, to a file that is kept unless empty."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if path.stat().st_size == 0:
            path.unlink()


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, OverheardError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
