"""Asking a recogniser that may hang, crash or answer nonsense; what it did answer is kept."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType

import numpy as np

from leaderboard.model_audit.answers import Answers, Value
from leaderboard.model_audit.questions import Question
from leaderboard.recognisers.base import CannotError, OutsideRecogniser, UnheardError
from leaderboard.recognisers.base import RecogniserError as Refused
from leaderboard.recognisers.drawing import DrawsTranscripts
from leaderboard.recognisers.states import ShowsStates, as_text
from targets.core.errors import OverheardError
from targets.speech.utterance import SAMPLE_RATE, Samples

IN_A_ROW = 10  # failures after which nobody goes on asking
GRACE = 5.0  # s, beyond twice the patience, for code that cannot be interrupted
ROUNDING = 1e-3  # nats by which a sum of float32 may end above 0
STOPPED = 2  # exit code of what the user can mend

Progress = Callable[[int, int], None]
Hear = Callable[[Question], Samples]


class AskingError(OverheardError):
    """A recogniser cannot be asked any more: one line that says how to go on."""


class _TooLongError(BaseException):
    """An answer took too long; a recogniser's own `except Exception` must not swallow it."""


class _UnansweredError(Exception):
    """A question has no answer; `counts` where that may say that none will have one."""

    def __init__(self, reason: str, *, counts: bool = True) -> None:
        super().__init__(reason)
        self.counts = counts


def ask(
    recognisers: Mapping[str, OutsideRecogniser],
    wanted: Sequence[Question],
    hear: Hear,
    answers: Answers,
    *,
    patience: float,
    progress: Progress | None = None,
) -> None:
    """Ask all that is not answered yet; what fails is kept with its reason, and the rest goes on.

    `recognisers` are by role; `hear` gives the sound of a question; `patience` is how many seconds
    one answer may take.

    Raises:
        AskingError: a recogniser refuses altogether, or many questions to it fail in a row.
    """
    rows = Counter[str]()
    for number, question in enumerate(wanted, 1):
        if question.key not in answers.values and question.key not in answers.failures:
            recogniser = recognisers[question.role]
            try:
                _ask_one(recogniser, question, hear, answers, patience)
                rows[question.role] = 0
            except _UnansweredError as failure:
                reason = str(failure)
                rows[question.role] += failure.counts
            row = rows[question.role]
            if row >= IN_A_ROW:
                raise AskingError(
                    f"{recogniser.name}: {row} answers in a row failed, the last because {reason} "
                    f"— mend it; the same command goes on ({answers.path})"
                )
        if progress is not None:
            progress(number, len(wanted))


def _ask_one(
    recogniser: OutsideRecogniser,
    question: Question,
    hear: Hear,
    answers: Answers,
    patience: float,
) -> None:
    """Ask, and keep the answer or why there is none.

    Raises:
        _UnansweredError: there is none.
        AskingError: the recogniser refuses altogether.
    """
    if answers.deadly(question):
        reason = "the process ended each time that this was asked"
        answers.pass_over(question, reason)
        raise _UnansweredError(reason)

    def failed(reason: str, *, counts: bool = True) -> _UnansweredError:
        answers.fail(question, reason)
        return _UnansweredError(reason, counts=counts)

    answers.begin(question)
    try:
        with _patience(patience, question, answers):
            value = _answer(recogniser, question, hear)
    except _TooLongError:
        raise failed(f"no answer came within {patience:g} s") from None
    except KeyboardInterrupt:
        answers.fail(question, "the run was stopped")  # by a person, not by this question
        raise
    except UnheardError as error:  # long recordings lie side by side, and say nothing of the rest
        raise failed(str(error), counts=False) from None
    except CannotError as error:
        raise failed(str(error)) from None
    except Refused as error:
        answers.fail(question, str(error))
        raise AskingError(f"{error} (the same command goes on: {answers.path})") from None
    except Exception as error:  # of code that nobody here wrote
        said = " ".join(str(error).split())
        raise failed(f"it raised {type(error).__name__}: {said}") from None
    if isinstance(value, float) and (math.isnan(value) or value == math.inf):
        raise failed(f"the log-likelihood is {value}")
    if isinstance(value, float) and value > ROUNDING:
        raise failed("a log-likelihood is never above 0: is it a loss? give minus that")
    answers.give(question, value)


def _answer(recogniser: OutsideRecogniser, question: Question, hear: Hear) -> Value:
    samples = hear(question)
    if question.what == "states":
        assert isinstance(recogniser, ShowsStates)
        states = recogniser.embedding(samples, SAMPLE_RATE)
        if not np.isfinite(states).all():
            raise UnheardError(f"{recogniser.name}: the states of its encoder are NaN or infinite")
        return as_text(states)
    if question.what == "draw":
        assert isinstance(recogniser, DrawsTranscripts)
        return str(recogniser.draw(samples, SAMPLE_RATE, question.number))
    if question.what == "transcript":
        return str(recogniser.transcribe(samples, SAMPLE_RATE))
    return float(recogniser.log_likelihood(samples, SAMPLE_RATE, question.text))


@contextlib.contextmanager
def _patience(seconds: float, question: Question, answers: Answers) -> Iterator[None]:
    """Interrupt what takes longer; end the process where it cannot be interrupted.

    The answers are kept, and the next run passes over a question that ended two.
    """

    def interrupt(_: int, __: FrameType | None) -> None:
        raise _TooLongError

    def end() -> None:
        print(
            f"overheard: the recogniser hangs at {question.candidate} and cannot be interrupted; "
            f"the same command goes on ({answers.path})",
            file=sys.stderr,
            flush=True,
        )
        os._exit(STOPPED)

    watchdog = threading.Timer(2 * seconds + GRACE, end)
    watchdog.daemon = True
    watchdog.start()
    alarmed = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    before = signal.signal(signal.SIGALRM, interrupt) if alarmed else None
    try:
        try:
            if alarmed:
                signal.setitimer(signal.ITIMER_REAL, seconds)
            yield
        finally:
            # The alarm may still come here: whatever it skips, the process must go on.
            watchdog.cancel()
            if alarmed:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        watchdog.cancel()
        if alarmed:
            signal.signal(signal.SIGALRM, before)
