"""Sentences with rare names: each name once, said one way and written another."""

from __future__ import annotations

import pytest

from targets.core.randomness import Randomness
from targets.models.context.lists import COMMON, SHORTEST
from targets.speech.transcript import normalise
from targets.synthetic.rare.calls import CARRIERS, Call, calls, say_calls
from targets.synthetic.rare.names import RareName, rare_names

NAMES = rare_names("test", 60)


def test_every_name_is_said_once_and_voices_take_turns():
    made = calls(NAMES, [3, 5], Randomness(0))
    assert [name for call in made for name in call.names] == NAMES
    assert {call.voice for call in made[::2]} == {3}
    assert {call.voice for call in made[1::2]} == {5}
    assert len({call.id for call in made}) == len(made)
    assert all(call.carrier.count("{}") == len(call.names) for call in made)
    assert len({call.carrier for call in made}) > len(CARRIERS) / 2
    assert calls(NAMES, [3, 5], Randomness(0)) == made
    assert calls(NAMES[:30], [3, 5], Randomness(0))[:20] == made[:20]


def test_two_names_are_not_asked_of_one():
    for n in range(40):
        assert [len(call.names) for call in calls(NAMES[:1], [0], Randomness(n))] == [1]


def test_carriers_have_hardly_a_word_that_training_may_take_for_a_name():
    words = {word for carrier in CARRIERS for word in carrier.replace("{}", "").split()}
    assert all(normalise(word) == word for word in words)
    rare = {word for word in words if len(word) >= SHORTEST and word not in COMMON}
    assert rare == {"send", "message", "home", "monday", "seven"}


def test_a_name_is_written_as_it_is_spelled_and_said_as_it_sounds():
    name = RareName(("f", "ee", "l", "oh", "n"), ("ph", "i", "ll", "o", "ne"))
    plain = RareName(("f", "ee", "l", "oh", "n"), ("f", "ee", "l", "oh", "n"))
    one, other = (
        say_calls([Call("a", 2, "tell {} and {} to come", (n, n))], seed=0, cache=None)[0]
        for n in (name, plain)
    )
    assert one.text == "tell phillone and phillone to come"
    assert [word.text for word in one.words] == one.text.split()
    assert other.text == "tell feelohn and feelohn to come"
    assert one.samples.tolist() == other.samples.tolist()
    with pytest.raises(ValueError, match="share an id"):
        say_calls([Call("a", 2, "call {}", (name,))] * 2, seed=0, cache=None)
