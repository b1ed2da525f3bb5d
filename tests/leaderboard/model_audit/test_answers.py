from __future__ import annotations

import math

import pytest

from leaderboard.model_audit.answers import Answers, AnswersError
from leaderboard.model_audit.questions import Question

ONE, TWO = Question("model", "a", "transcript"), Question("model", "a", "likelihood", text="yes")


def test_answers_come_back(tmp_path):
    path = tmp_path / "out" / "answers.jsonl"
    with Answers(path, "d") as answers:
        answers.give(ONE, "was\nsagst du")
        answers.give(TWO, -math.inf)
    with Answers(path, "d") as answers:
        assert answers.text(ONE) == "was\nsagst du"
        assert answers.values[TWO.key] == -math.inf
        assert answers.number(TWO) is None
        assert answers.number(ONE) is None


def test_a_torn_line_is_passed_over(tmp_path):
    path = tmp_path / "answers.jsonl"
    with Answers(path, "d") as answers:
        answers.give(ONE, "yes")
        answers.give(TWO, -1.5)
    path.write_bytes(path.read_bytes()[:-9])
    with Answers(path, "d") as answers:
        assert (answers.text(ONE), answers.number(TWO)) == ("yes", None)
        answers.give(TWO, -2.5)
    with Answers(path, "d") as answers:
        assert answers.number(TWO) == -2.5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"version": 1, "planted": "other"}\n', "another planted folder"),
        ("notes of mine\n", "is no file of answers"),
    ],
)
def test_other_files_are_refused(tmp_path, content, says):
    path = tmp_path / "answers.jsonl"
    path.write_text(content)
    with pytest.raises(AnswersError, match=says):
        Answers(path, "d")
    assert path.read_text() == content
