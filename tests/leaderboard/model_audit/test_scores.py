from __future__ import annotations

import math
from pathlib import Path

import pytest

from leaderboard.model_audit.answers import Answers
from leaderboard.model_audit.questions import BASE, MODEL, Question
from leaderboard.model_audit.scores import audits_with, scored
from leaderboard.planting.planted import Candidate

C = [Candidate(n, Path(n), "call four two", True, n, "s") for n in ("a", "b", "c")]


@pytest.mark.parametrize(
    ("likelihoods", "base", "attack"),
    [
        (True, True, "relative loss"),
        (True, False, "loss"),
        (False, True, "transcript"),
        (False, False, "transcript"),
    ],
)
def test_what_audits_is_fixed_beforehand(likelihoods, base, attack):
    assert audits_with(likelihoods=likelihoods, base=base) == attack


def test_scores_are_nats_a_character_and_less_those_of_others(tmp_path):
    def asked(role, c):
        return Question(role, c.id, "likelihood", text=c.text)

    with Answers(tmp_path / "a.jsonl", "d") as answers:
        for role, values in ((MODEL, (-13.0, -26.0, -math.inf)), (BASE, (-26.0, -26.0, -13.0))):
            for c, value in zip(C, values, strict=True):
                answers.give(asked(role, c), value)
        for c, text in zip(C[:2], ("call 42", "call five 2"), strict=True):
            answers.give(Question(MODEL, c.id, "transcript"), text)
            answers.give(Question(BASE, c.id, "transcript"), "")
        for n, value in enumerate((-39.0, -13.0), 1):
            answers.give(asked(f"reference {n}", C[0]), value)
    found, absent = scored(
        C,
        answers,
        likelihoods=True,
        base=True,
        base_likelihoods=True,
        references=["reference 1", "reference 2"],
    )
    scores = {one.name: one.scores for one in found}
    assert scores["loss"] == {"a": -1.0, "b": -2.0, "c": None}
    assert scores["relative loss"] == {"a": 1.0, "b": 0.0, "c": None}
    assert scores["loss beside references"] == {"a": 1.0, "b": None, "c": None}
    assert scores["transcript"] == {"a": 0.0, "b": pytest.approx(-1 / 3), "c": None}
    assert scores["relative transcript"]["b"] == pytest.approx(2 / 3)
    assert absent == {}
