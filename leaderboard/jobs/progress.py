"""How far a run is: bars with the time that remains on a terminal, one line a cell elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from leaderboard.jobs.job import Job, Outcome


def remaining_seconds(elapsed: float, done: float, total: float) -> float | None:
    """Return how long the rest takes at the speed so far; None before there is a speed."""
    if done <= 0 or elapsed <= 0:
        return None
    return elapsed * max(0.0, total - done) / done


def spoken(seconds: float | None) -> str:
    """Return a duration as one says it: "about 4 min"."""
    if seconds is None:
        return "a while"
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


class Plain:
    """One line on standard error for each job that ends."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.total = self.ended = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def start(self, jobs: Sequence[Job]) -> None:
        """Count the jobs."""
        self.total = len(jobs)

    def begin(self, job: Job) -> None:
        """Say nothing."""

    def update(self, job: Job, fraction: float) -> None:
        """Say nothing."""

    def end(self, job: Job, outcome: Outcome) -> None:
        """Print the line."""
        self.ended += 1
        self.console.print(
            f"[{self.ended}/{self.total}] {_line(job, outcome)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


class Bars:
    """A bar for the whole run and one for each job at work."""

    def __init__(self, console: Console) -> None:
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rest]}"),
            console=console,
            transient=True,
        )
        self.console = console
        self.fractions: dict[str, float] = {}
        self.weights: dict[str, float] = {}
        self.tasks: dict[str, TaskID] = {}
        self.whole: TaskID | None = None
        self.began = time.monotonic()

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def start(self, jobs: Sequence[Job]) -> None:
        """Show the bar of the whole run."""
        self.began = time.monotonic()
        self.weights = {job.id: job.weight for job in jobs}
        if jobs:
            total = sum(self.weights.values())
            self.whole = self.bars.add_task(f"{len(jobs)} jobs", total=total, rest="")

    def begin(self, job: Job) -> None:
        """Show the bar of a job."""
        self.tasks[job.id] = self.bars.add_task(f"  {job.id}", total=1.0, rest="")

    def update(self, job: Job, fraction: float) -> None:
        """Move the bar of a job and that of the whole run."""
        self.fractions[job.id] = min(1.0, max(0.0, fraction))
        if job.id in self.tasks:
            self.bars.update(self.tasks[job.id], completed=self.fractions[job.id])
        done = sum(self.weights[name] * f for name, f in self.fractions.items())
        rest = remaining_seconds(time.monotonic() - self.began, done, sum(self.weights.values()))
        if self.whole is not None:
            self.bars.update(self.whole, completed=done, rest=f"{spoken(rest)} left")

    def end(self, job: Job, outcome: Outcome) -> None:
        """Replace the bar of a job by a line."""
        self.update(job, 1.0)
        if job.id in self.tasks:
            self.bars.remove_task(self.tasks.pop(job.id))
        self.console.print(_line(job, outcome), markup=False, highlight=False)


def watching() -> Plain | Bars:
    """Return bars where standard error is a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    return Bars(console) if console.is_terminal else Plain(console)


def _line(job: Job, outcome: Outcome) -> str:
    if outcome.reason is not None:
        return f"{job.id} {outcome.status}: {outcome.reason}"
    return f"{job.id} {outcome.status} in {outcome.seconds:.0f} s"
