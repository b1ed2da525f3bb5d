"""Several processes that ask at once: each has a share of the sounds, and answers of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from leaderboard.jobs import scheduler
from leaderboard.jobs.job import Job, Outcome, Report, Silent
from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.asking import AskingError, Progress, ask
from leaderboard.model_audit.questions import Hearing, Question
from leaderboard.recognisers.base import OutsideRecogniser

FOLDER = "shares"
FEWEST = 200  # questions, below which opening recognisers again takes longer than asking

Opened = Callable[[], Mapping[str, OutsideRecogniser]]


@dataclass(frozen=True)
class Crew:
    """So many processes, each of which opens the recognisers, by role, for itself.

    `opened` is sent to them, so that it has to be a function of a module, or a `partial` of one.
    """

    workers: int
    opened: Opened


def ask_at_once(
    crew: Crew,
    wanted: Sequence[Question],
    hear: Hearing,
    answers: Answers,
    *,
    patience: float,
    progress: Progress | None = None,
) -> None:
    """Ask what is not answered yet in several processes, and take over what they were told.

    What an earlier run that was stopped has left is taken over first.

    Raises:
        AskingError: a process could not go on; all answers so far are kept.
        InterruptedRunError: the user pressed Ctrl-C; the same holds.
    """
    folder = answers.path.parent / FOLDER
    _take_over(folder, answers)
    left = [q for q in wanted if q.key not in answers.values and not answers.deadly(q)]
    if crew.workers < 2 or len(left) < FEWEST:
        return
    shares = _shares(left, crew.workers)
    jobs = [
        Job(
            id=f"share-{number}",
            function=ask_share,
            arguments=(crew.opened, share, hear, _file(folder, number), answers.planted, patience),
            finished=_file(folder, number).with_suffix(".done").exists,
            weight=len(share),
        )
        for number, share in enumerate(shares)
    ]
    stopped = False
    try:
        outcomes = scheduler.run(jobs, folder, crew.workers, _Told(progress, len(wanted)))
    except scheduler.InterruptedRunError:
        stopped = True
        raise
    finally:
        _take_over(folder, answers, stopped=stopped)
    for job in jobs:
        reason = outcomes[job.id].reason
        if reason is not None:
            raise AskingError(_told_of(reason, folder, answers.path))
    shutil.rmtree(folder)


def ask_share(
    opened: Opened,
    share: Sequence[Question],
    hear: Hearing,
    path: Path,
    planted: str,
    patience: float,
    *,
    report: Report,
) -> None:
    """Ask a share of the questions, in a process of its own; the answers are kept in `path`."""
    with Answers(path, planted) as answers:
        ask(
            opened(),
            share,
            hear,
            answers,
            patience=patience,
            progress=lambda done, of: report(done / of),
        )
    path.with_suffix(".done").touch()


def _shares(questions: Sequence[Question], count: int) -> list[list[Question]]:
    """Deal questions, all about a candidate or a stimulus to the same share."""
    shares: list[list[Question]] = [[] for _ in range(count)]
    for number, (_, about) in enumerate(groupby(questions, key=lambda q: q.candidate)):
        shares[number % count] += about
    return [share for share in shares if share]


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number}.jsonl"


def _told_of(reason: str, folder: Path, path: Path) -> str:
    """Return why a share was not asked to its end, with the file that has its answers now."""
    told = re.sub(re.escape(str(folder)) + r"/\d+\.jsonl", lambda _: str(path), reason)
    return told if str(path) in told else f"{told} — the same command goes on ({path})"


def _take_over(folder: Path, answers: Answers, *, stopped: bool = False) -> None:
    for path in sorted(folder.glob("*.jsonl")):
        answers.take_over(path, stopped=stopped)
        path.unlink()
        path.with_suffix(".done").unlink(missing_ok=True)


@dataclass
class _Told(Silent):
    """Tells how many questions are answered in all, those of earlier runs included."""

    progress: Progress | None
    of: int
    _left: dict[str, float] = field(default_factory=dict)

    def start(self, jobs: Sequence[Job]) -> None:
        self._left = {job.id: job.weight for job in jobs}

    def update(self, job: Job, fraction: float) -> None:
        self._left[job.id] = job.weight * (1 - fraction)
        if self.progress is not None:
            self.progress(round(self.of - sum(self._left.values())), self.of)

    def end(self, job: Job, outcome: Outcome) -> None:
        if outcome.reason is None:
            self.update(job, 1.0)
