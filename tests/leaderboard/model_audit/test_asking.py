from __future__ import annotations

import math
import os
import signal
import threading
import time

import pytest

from leaderboard.model_audit import asking
from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.asking import AskingError, ask
from leaderboard.model_audit.questions import MODEL, Hearing, Question
from leaderboard.recognisers.base import UnheardError
from tests.leaderboard.model_audit.fakes import Fake, game


class Moody(Fake):
    """Answers the n-th question by the n-th of its moods, and all others well."""

    def __init__(self, *moods):
        super().__init__()
        self.moods = list(moods)

    def log_likelihood(self, audio, rate, text):
        mood = self.moods.pop(0) if self.moods else None
        return mood() if mood is not None else super().log_likelihood(audio, rate, text)


def raises(error):
    def mood():
        raise error

    return mood


@pytest.fixture
def planted(tmp_path):
    return game(tmp_path, canaries=False)


def put(planted, path, recogniser, patience=20.0):
    """Ask for the likelihood of every candidate; return what is kept."""
    wanted = [Question(MODEL, c.id, "likelihood", text=c.text) for c in planted.candidates]
    with Answers(path, planted.digest) as answers:
        ask({MODEL: recogniser}, wanted, Hearing(planted.candidates), answers, patience=patience)
    return answers


def test_every_failure_is_told_and_the_rest_goes_on(tmp_path, planted):
    moods = (
        *(lambda: math.nan, raises(ValueError("two\nlines")), raises(UnheardError("too long"))),
        *(lambda: time.sleep(30), lambda: -math.inf, lambda: "text"),
    )
    path = tmp_path / "a.jsonl"
    answers = put(planted, path, Moody(*moods), patience=0.3)
    reasons = list(answers.failures.values())
    assert reasons[:4] == [
        "the log-likelihood is nan",
        "it raised ValueError: two lines",
        "too long",
        "no answer came within 0.3 s",
    ]
    assert reasons[4].startswith("it raised ValueError: could not convert")
    assert len(answers.values) == len(planted.candidates) - 5
    assert -math.inf in answers.values.values()  # an answer: the text cannot be written
    again = Fake()
    assert len(put(planted, path, again).values) == len(planted.candidates)
    assert again.calls == 5


def test_a_recogniser_that_always_fails_is_not_asked_for_ever(tmp_path, planted):
    moods = [raises(ValueError("no"))] * 100
    with pytest.raises(AskingError, match="10 answers in a row failed, the last because it raised"):
        put(planted, tmp_path / "a.jsonl", Moody(*moods))


def test_long_recordings_side_by_side_stop_nothing(tmp_path, planted):
    answers = put(planted, tmp_path / "a.jsonl", Moody(*[raises(UnheardError("too long"))] * 15))
    assert list(answers.failures.values()) == ["too long"] * 15
    assert len(answers.values) == len(planted.candidates) - 15


def test_a_loss_is_no_log_likelihood(tmp_path, planted):
    answers = put(planted, tmp_path / "a.jsonl", Moody(lambda: 3.5, lambda: 0.0))
    assert list(answers.failures.values()) == [
        "a log-likelihood is never above 0: is it a loss? give minus that"
    ]


def test_an_alarm_at_the_very_end_leaves_no_watchdog(tmp_path, planted, monkeypatch):
    real = signal.setitimer

    def late(which, seconds):
        real(which, 0)
        if not seconds:
            raise asking._TooLongError

    monkeypatch.setattr(signal, "setitimer", late)
    before = signal.getsignal(signal.SIGALRM)
    one = planted.candidates[0]
    with Answers(tmp_path / "a.jsonl", planted.digest) as answers:
        wanted = [Question(MODEL, one.id, "transcript")]
        ask({MODEL: Fake()}, wanted, Hearing([one]), answers, patience=20.0)
    assert list(answers.failures.values()) == ["no answer came within 20 s"]
    assert signal.getsignal(signal.SIGALRM) == before
    timers = [t for t in threading.enumerate() if isinstance(t, threading.Timer)]
    assert all(timer.finished.is_set() for timer in timers)


def test_what_ends_the_process_twice_is_passed_over(tmp_path, planted):
    class Crash(BaseException):
        pass

    path = tmp_path / "a.jsonl"
    for _ in range(2):
        with pytest.raises(Crash):
            put(
                planted,
                path,
                Moody(None, raises(Crash())) if not path.exists() else Moody(raises(Crash())),
            )
    for _ in range(3):  # and in every run after that
        answers = put(planted, path, Fake())
        (reason,) = answers.failures.values()
        assert reason == "the process ended each time that this was asked"
        assert len(answers.values) == len(planted.candidates) - 1


def test_what_cannot_be_interrupted_ends_the_process(tmp_path, planted, monkeypatch, capsys):
    ended = []
    monkeypatch.setattr(asking, "GRACE", 0.0)
    monkeypatch.setattr(os, "_exit", ended.append)
    # No alarm reaches a thread: it is as deaf as a loop inside a library.
    thread = threading.Thread(
        target=put,
        args=(planted, tmp_path / "a.jsonl", Moody(lambda: time.sleep(0.5) or -1.0), 0.1),
    )
    thread.start()
    thread.join()
    assert ended == [2]
    assert "cannot be interrupted; the same command goes on" in capsys.readouterr().err
