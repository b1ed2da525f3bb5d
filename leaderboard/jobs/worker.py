"""Does one job in the process that it was sent to, wherever that is.

Each job starts from the same state of every global random generator, whichever process runs it
and whatever ran there before: the order of jobs changes no figure.
"""

from __future__ import annotations

import os
import pickle
import random
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from leaderboard.jobs.job import Job, JobError, Report
from targets.core.errors import OverheardError

REPORT_SECONDS = 0.1  # between two reports of progress by one job

# One thread a worker: cells run beside each other, and sums of floats keep their order. A fixed
# hash seed keeps the order of sets.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}


def packed(job: Job) -> bytes:
    """Return what `run_job` needs of a job.

    Raises:
        JobError: it cannot be sent to another process.
    """
    try:
        return pickle.dumps((job.function, job.arguments))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise JobError(f"cannot be sent to a worker: {error}") from None


def run_job(name: str, work: bytes, logs: Path, tell: Callable[[float], object]) -> str | None:
    """Do a packed job and return None, or why it failed in one line.

    What it prints, also by compiled code, is in `logs/<name>.log`, with the traceback of its
    failure. `tell` hears the fraction done, not too often.
    """
    logs.mkdir(parents=True, exist_ok=True)
    with _log(logs / f"{name}.log"):
        try:
            function, arguments = pickle.loads(work)
            _same_start(name)
            function(*arguments, report=_now_and_then(tell))
        except Exception as error:
            traceback.print_exc()
            return _one_line(error)
    return None


def _now_and_then(tell: Callable[[float], object]) -> Report:
    last = -1.0

    def report(fraction: float, /) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_SECONDS:
            last = time.monotonic()
            tell(float(fraction))

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
    sys.stdout.flush()
    sys.stderr.flush()
    before = [os.dup(number) for number in (1, 2)]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in zip((1, 2), before, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)
        if path.stat().st_size == 0:
            path.unlink()


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, OverheardError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
