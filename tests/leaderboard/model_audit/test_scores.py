from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
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
    assert "relative loss says more" in absent.pop("relative transcript")
    assert absent == {}
    found, _ = scored(
        C, answers, likelihoods=True, base=True, base_likelihoods=False, references=[]
    )
    scores = {one.name: one.scores for one in found}
    assert scores["relative transcript"]["b"] == pytest.approx(2 / 3)


def relative(tmp_path, of_model, of_base):
    """Return the relative losses of candidates whose losses per character are given."""
    every = [replace(C[0], id=f"c{n}") for n in range(len(of_model))]
    with Answers(tmp_path / "r.jsonl", "d") as answers:
        for role, values in ((MODEL, of_model), (BASE, of_base)):
            for c, value in zip(every, values, strict=True):
                question = Question(role, c.id, "likelihood", text=c.text)
                answers.give(question, float(value * len(c.text)))
        found, _ = scored(
            every, answers, likelihoods=True, base=True, base_likelihoods=True, references=[]
        )
    scores = next(one.scores for one in found if one.name == "relative loss")
    return np.array(list(scores.values()))


def test_what_the_base_explains_is_taken_off_and_no_more(tmp_path):
    rng = np.random.default_rng(0)
    base, own = -3 + rng.normal(size=(2, 400))
    half = relative(tmp_path / "half", own + 0.5 * base, base)
    slope = np.polyfit(base, own + 0.5 * base, 1)[0]
    assert half == pytest.approx(own + 0.5 * base - slope * base)
    # A base that says nothing of the model brings no noise; one that says more is taken off once.
    assert np.corrcoef(relative(tmp_path / "none", own, base), own)[0, 1] > 0.99
    assert relative(tmp_path / "more", own + 3 * base, base) == pytest.approx(own + 2 * base)
    assert relative(tmp_path / "less", own - base, base) == pytest.approx(own - base)
    assert relative(tmp_path / "same", own, np.full(400, -3.0)) == pytest.approx(own)
    few = relative(tmp_path / "few", own[:10], base[:10])
    assert few == pytest.approx(own[:10] - base[:10])
