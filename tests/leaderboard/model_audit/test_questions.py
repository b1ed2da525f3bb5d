from __future__ import annotations

from dataclasses import replace

import pytest

from leaderboard.model_audit.questions import (
    BASE,
    MODEL,
    REFERENCE,
    alternatives,
    chosen,
    questions,
)
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


def all_of(planted, role, others, **how):
    return [q for c in planted.candidates for q in questions(role, c, others, **how)]


def test_nothing_is_asked_twice_and_the_base_of_no_secrets(planted):
    others = alternatives(planted, 3)
    of_model, of_base = (all_of(planted, role, others, likelihoods=True) for role in (MODEL, BASE))
    assert len({q.key for q in of_model}) == len(of_model)
    asked = [q for q in of_base if q.what == "likelihood"]
    assert len(asked) == len(planted.candidates)
    without = all_of(planted, MODEL, others, likelihoods=False)
    assert {q.what for q in without} == {"transcript"}


def test_who_only_says_how_likely_a_text_is_writes_nothing_more(planted):
    others = alternatives(planted, 3)
    canaries = {c.id for c in planted.canaries}
    of_base = all_of(planted, BASE, others, likelihoods=True, transcript=False)
    assert {q.candidate for q in of_base if q.what == "transcript"} == canaries
    of_reference = all_of(planted, f"{REFERENCE} 1", others, likelihoods=True)
    assert {q.what for q in of_reference} == {"likelihood"}
    assert len(of_reference) == len(planted.candidates)
    assert all_of(planted, f"{REFERENCE} 1", others, likelihoods=False) == []


def test_a_limit_looks_at_no_coin(planted):
    assert chosen(planted, 5) == planted.candidates[:5]
    assert chosen(planted, None) == planted.candidates
