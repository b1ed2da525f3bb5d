from __future__ import annotations

import json
from functools import partial

import pytest

from leaderboard.model_audit import crew as crews
from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.asking import AskingError
from leaderboard.model_audit.crew import FOLDER, Crew, ask_at_once
from leaderboard.model_audit.questions import MODEL, Hearing, Question
from leaderboard.model_audit.run import Asked, audit_model
from tests.leaderboard.model_audit.by_heart import Deaf, Fake, opened
from tests.leaderboard.model_audit.fakes import game


@pytest.fixture
def planted(tmp_path):
    return game(tmp_path, canaries=False)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(crews, "FEWEST", 2)


def asked(planted, path, workers=2, **moods):
    wanted = [Question(MODEL, c.id, "likelihood", text=c.text) for c in planted.candidates]
    crew = Crew(workers, partial(opened, planted.folder / "train", **moods))
    told = []
    with Answers(path, planted.digest) as answers:
        ask_at_once(
            crew, wanted, Hearing(planted.candidates), answers,
            patience=20.0, progress=lambda done, of: told.append((done, of)),
        )  # fmt: skip
    return answers, told


def test_two_ask_as_one_does(tmp_path, planted):
    unheard = planted.candidates[3]
    answers, told = asked(planted, tmp_path / "a.jsonl", unheard=unheard.audio)
    alone = Fake(planted.folder / "train")
    hear = Hearing(planted.candidates)
    for c in planted.candidates:
        question = Question(MODEL, c.id, "likelihood", text=c.text)
        if c == unheard:
            assert answers.failures[question.key] == "fake: too long"
        else:
            wanted = alone.log_likelihood(hear(question), 16_000, c.text)
            assert answers.values[question.key] == wanted
    assert told[-1] == (len(planted.candidates), len(planted.candidates))
    assert not (tmp_path / FOLDER).exists()
    with Answers(tmp_path / "a.jsonl", planted.digest) as again:
        assert again.values == answers.values


def test_what_one_answered_is_kept_where_another_refuses(tmp_path, planted):
    first = planted.candidates[10]
    path = tmp_path / "a.jsonl"
    with pytest.raises(
        AskingError, match=r"refuses \(the same command goes on: .*a\.jsonl\)$"
    ) as refused:
        asked(planted, path, refused=first.audio)
    assert FOLDER not in str(refused.value)
    with Answers(path, planted.digest) as answers:
        kept = len(answers.values)
    assert 10 < kept < len(planted.candidates)


@pytest.mark.slow  # three times two processes
def test_what_one_answered_is_kept_where_another_dies(tmp_path, planted):
    second = planted.candidates[20]
    path = tmp_path / "a.jsonl"
    for _ in range(2):
        with pytest.raises(AskingError, match=r"ended itself with exit code 2 .*the same command"):
            asked(planted, path, deadly=second.audio)
    answers, _ = asked(planted, path, deadly=second.audio)
    assert len(answers.values) == len(planted.candidates) - 1
    assert answers.deadly(Question(MODEL, second.id, "likelihood", text=second.text))


def test_the_answers_of_a_run_that_was_killed_are_taken_over(tmp_path, planted):
    path = tmp_path / "a.jsonl"
    left = tmp_path / FOLDER / "0.jsonl"
    with Answers(left, planted.digest) as share:
        question = Question(MODEL, planted.candidates[0].id, "likelihood", text="a")
        share.give(question, -1.0)
    with left.open("a") as file:
        file.write('{"key": "cut o')
    answers, _ = asked(planted, path, workers=1)
    assert answers.values == {question.key: -1.0}
    assert not left.exists()
    assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.slow
def test_an_audit_by_a_crew_finds_the_same(tmp_path, planted):
    train = planted.folder / "train"
    crew = Crew(2, partial(opened, train))
    found = [
        audit_model(planted, Deaf(train), tmp_path / name, Asked(1e-5), crew=one)
        for name, one in (("one", None), ("two", crew))
    ]
    assert found[0].bound == found[1].bound
    assert found[0].rankings == found[1].rankings
    assert found[0].answers == found[1].answers


def test_who_stops_a_run_is_not_taken_for_a_question_that_ends_it(tmp_path, planted, monkeypatch):
    path = tmp_path / "a.jsonl"
    question = Question(MODEL, planted.candidates[0].id, "likelihood", text="a")

    def stopped(_, folder, *__):
        with Answers(folder / "0.jsonl", planted.digest) as share:
            share.begin(question)
        raise crews.scheduler.InterruptedRunError("stopped")

    monkeypatch.setattr(crews.scheduler, "run", stopped)
    for _ in range(3):
        with pytest.raises(crews.scheduler.InterruptedRunError):
            asked(planted, path)
    with Answers(path, planted.digest) as answers:
        assert not answers.deadly(question)
