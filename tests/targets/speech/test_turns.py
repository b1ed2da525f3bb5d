"""Transcripts of turns: written and read back, and plain where one talker speaks once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from targets.speech.tokens import ALPHABET, Characters
from targets.speech.turns import END, NEXT, START, TurnTokens, turns_of, with_turns
from tests.targets.speech.test_tokens import SUBWORDS

said = st.lists(st.text(ALPHABET.strip(), min_size=1, max_size=5), min_size=1, max_size=3).map(
    " ".join
)
talks = st.lists(st.lists(said, max_size=2).map(tuple), min_size=1, max_size=3).map(tuple)


def heard(talkers):
    """Return turns without the talkers at the end who say nothing; one is always there."""
    kept = list(talkers)
    while len(kept) > 1 and not kept[-1]:
        kept.pop()
    return tuple(kept)


@pytest.mark.parametrize("words", [Characters(), SUBWORDS], ids=["characters", "subwords"])
@given(talkers=talks)
def test_round_trip(words, talkers):
    text, tokens = with_turns(talkers), TurnTokens(words)
    assert turns_of(text) == heard(talkers)
    labels = tokens.encode(text)
    assert all(0 < label < tokens.size for label in labels)
    assert tokens.decode(labels) == text
    turns = sum(map(len, talkers))
    assert [labels.count(words.size + k) for k in (0, 1)] == [turns, turns]


@given(labels=st.lists(st.integers(0, Characters().size + 2), max_size=12))
def test_whatever_is_written_is_a_text_that_reads_as_itself(labels):
    text = TurnTokens(Characters()).decode(labels)
    assert with_turns(turns_of(text)) == text
    assert set(text) <= {*ALPHABET, START, END, NEXT}


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("", ((),)),
        ("on", (("on",),)),
        ("<on>", (("on",),)),
        ("<on>|<off>", (("on",), ("off",))),
        ("|<off>", ((), ("off",))),
        ("<on><off>", (("on", "off"),)),
        ("<on|off>", (("on",), ("off",))),
    ],
)
def test_turns_stand_between_marks_whether_they_have_both(text, turns):
    assert turns_of(text) == turns


def test_one_talker_who_speaks_once_has_no_marks_in_text_but_in_labels():
    tokens = TurnTokens(Characters())
    assert with_turns([["on"]]) == with_turns([["on"], []]) == "on"
    assert tokens.encode("on") == tokens.encode("<on>") == [29, *Characters().encode("on"), 30]
    assert tokens.decode(Characters().encode("on")) == "on"
