from __future__ import annotations

from dataclasses import replace

import pytest

from leaderboard.model_audit.questions import BASE, MODEL, alternatives, chosen, questions
from tests.leaderboard.model_audit.fakes import game


@pytest.fixture
def planted(tmp_path):
    return game(tmp_path)


def test_alternatives_are_of_the_space_and_of_nobody(planted):
    others = alternatives(planted, 15)
    own = {c.text for c in planted.canaries}
    heard = [c.heard for c in planted.canaries if c.form == "mislabelled"]
    assert all(text.startswith("my pin code is") for text in heard)
    first, *_ = planted.canaries
    rare = replace(
        planted, candidates=(replace(first, heard=alternatives(planted, 15)[first.id][1]),)
    )
    assert rare.candidates[0].heard not in alternatives(rare, 15)[first.id]
    for canary in planted.canaries:
        texts = others[canary.id]
        assert len(set(texts)) == 15
        assert texts[0] == canary.twin
        assert not own & set(texts)
        assert {text.rsplit(" ", 4)[0] for text in texts} == {"my pin code is"}
    assert others == alternatives(planted, 15)


def test_nothing_is_asked_twice_and_the_base_of_no_secrets(planted):
    others = alternatives(planted, 3)
    of_model, of_base = (
        list(questions(role, planted.candidates, others, likelihoods=True))
        for role in (MODEL, BASE)
    )
    assert len({q.key for q in of_model}) == len(of_model)
    asked = [q for q in of_base if q.what == "likelihood"]
    assert len(asked) == len(planted.candidates)
    without = questions(MODEL, planted.candidates, others, likelihoods=False)
    assert {q.what for q in without} == {"transcript"}


def test_a_limit_looks_at_no_coin(planted):
    assert chosen(planted, 5) == planted.candidates[:5]
    assert chosen(planted, None) == planted.candidates
