"""Runs jobs that depend on one another, and goes on where a run was killed.

A job leaves its result in files, written whole or not at all (`targets.core.files`), and says
itself whether it is finished. So nothing has to be remembered between runs, and a run that was
killed at any moment goes on from the finished jobs.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from leaderboard.jobs.job import Job, JobError, News, Outcome, Pool, Progress, Silent, check
from leaderboard.jobs.processes import Processes
from targets.core.errors import OverheardError
from targets.core.files import remove_partial_files

LOCK = ".lock"
LOGS = "logs"


class RunnerError(OverheardError):
    """A folder in which no run may begin now: one line with the reason."""


class InterruptedRunError(OverheardError):
    """The user stopped the run; the message says how to go on."""


def run(
    jobs: Sequence[Job],
    folder: Path,
    workers: int = 1,
    progress: Progress | None = None,
    *,
    pool: Callable[[Path], Pool] | None = None,
) -> dict[str, Outcome]:
    """Run the jobs that are not finished, each after those it needs, and return every outcome.

    A job that raises, dies or leaves no result fails; what needs it is blocked; the rest goes on.
    What a job prints, and the traceback of its failure, is in `folder/logs/<job>.log`. Jobs run in
    `workers` processes here, or where `pool` puts them, which is given the folder of the logs.

    Raises:
        JobError: the jobs do not fit together.
        RunnerError: another run works in `folder`.
        InterruptedRunError: the user pressed Ctrl-C.
    """
    check(jobs)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        remove_partial_files(folder)
        grid = _Grid(jobs, progress or Silent())
        if not grid.waiting:
            return grid.outcomes
        place = pool(folder / LOGS) if pool else Processes(workers, folder / LOGS)
        try:
            return grid.run(place)
        except KeyboardInterrupt:
            ended = sum(o.status in ("done", "kept") for o in grid.outcomes.values())
            raise InterruptedRunError(
                f"stopped with {ended} of {len(jobs)} jobs finished; "
                "the same command goes on from there"
            ) from None
        finally:
            place.stop()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunnerError(f"{folder}: another run is at work here") from None
        yield


class _Grid:
    """The state of one run: what is waiting, what is at work, how the rest ended."""

    def __init__(self, jobs: Sequence[Job], progress: Progress) -> None:
        self.progress = progress
        self.outcomes: dict[str, Outcome] = {}
        self.waiting: list[Job] = []
        self.at_work = 0
        for job in jobs:
            if job.finished():
                self.outcomes[job.id] = Outcome(job.id, "kept")
            else:
                self.waiting.append(job)

    def run(self, pool: Pool) -> dict[str, Outcome]:
        self.progress.start(self.waiting)
        while self.waiting or self.at_work:
            self._block()
            self._give(pool)
            if self.at_work:
                for news in pool.listen():
                    self._hear(news)
        return self.outcomes

    def _block(self) -> None:
        for job in list(self.waiting):
            for need in job.needs:
                outcome = self.outcomes.get(need)
                if outcome and outcome.status in ("failed", "blocked"):
                    self.waiting.remove(job)
                    reason = f"needs {need}, which failed: {outcome.reason}"
                    self._end(job, Outcome(job.id, "blocked", reason))
                    break

    def _give(self, pool: Pool) -> None:
        ready = [job for job in self.waiting if all(n in self.outcomes for n in job.needs)]
        for job in ready:
            if not pool.free():
                return
            self.waiting.remove(job)
            try:
                pool.give(job)
            except JobError as error:
                self._end(job, Outcome(job.id, "failed", str(error)))
                continue
            self.at_work += 1
            self.progress.begin(job)

    def _hear(self, news: News) -> None:
        job = news.job
        if news.fraction is not None:
            self.progress.update(job, news.fraction)
            return
        self.at_work -= 1
        # Its result counts, also where its process died on the way from it.
        if job.finished():
            outcome = Outcome(job.id, "done", seconds=news.seconds)
        else:
            reason = news.reason or "ended without leaving its result"
            outcome = Outcome(job.id, "failed", reason, news.seconds)
        self._end(job, outcome)

    def _end(self, job: Job, outcome: Outcome) -> None:
        self.outcomes[job.id] = outcome
        if outcome.reason is not None and job.on_failure is not None:
            job.on_failure(outcome.reason)
        self.progress.end(job, outcome)
