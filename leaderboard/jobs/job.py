"""What a run consists of: jobs that depend on one another, how they end, and who watches."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from targets.core.errors import OverheardError


class JobError(OverheardError):
    """Jobs that do not fit together: one line with the reason."""


class Report(Protocol):
    """Called by a job as often as it likes with the fraction done, in [0, 1]."""

    def __call__(self, fraction: float, /) -> None:
        """Tell how far the job is."""


@dataclass(frozen=True)
class Named:
    """A function by its module and name, which is pickled as this and unpickled as the function.

    So whoever plans a job need not import what the job imports.
    """

    module: str
    name: str

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the function here."""
        return _function(self.module, self.name)(*arguments, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        return _function, (self.module, self.name)


def _function(module: str, name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module(module), name)


@dataclass(frozen=True)
class Job:
    """One piece of work: `function(*arguments, report=...)` in a worker process.

    `function` and `arguments` are pickled. `finished` says whether the result is there, also
    after an earlier run. `needs` names jobs that must be finished before. `weight` is how long
    the job takes relative to others, for the estimate of the remaining time. `on_failure` is
    called in the parent with the reason in one line. `about` is what the job is about, for whoever
    planned it: it is not sent.
    """

    id: str
    function: Callable[..., object]
    arguments: tuple[Any, ...]
    finished: Callable[[], bool]
    needs: tuple[str, ...] = ()
    weight: float = 1.0
    on_failure: Callable[[str], object] | None = None
    about: object = None


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


@dataclass(frozen=True)
class News:
    """What is heard of a job: how far it is, or, with no fraction, that it ended and how."""

    job: Job
    fraction: float | None = None
    reason: str | None = None
    seconds: float = 0.0


class Pool(Protocol):
    """Where jobs run."""

    def free(self) -> bool:
        """Return whether it would take another job now."""

    def give(self, job: Job) -> None:
        """Begin a job.

        Raises:
            JobError: the job cannot be sent there.
        """

    def listen(self) -> list[News]:
        """Wait until there is news of the jobs at work, and return it."""

    def stop(self) -> None:
        """End whatever is still running."""


def check(jobs: Sequence[Job]) -> None:
    """Refuse jobs of the same name, and those that need a job not listed before them.

    Raises:
        JobError: the jobs do not fit together.
    """
    known: set[str] = set()
    for job in jobs:
        if job.id in known:
            raise JobError(f"job {job.id} appears twice")
        for need in job.needs:
            # Listing what is needed first also rules out circles.
            if need not in known:
                raise JobError(f"job {job.id} needs {need}, which is not listed before it")
        known.add(job.id)
