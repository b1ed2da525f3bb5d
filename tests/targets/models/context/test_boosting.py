"""Boosting of listed words: it changes what is written, and gives back what is not finished."""

from __future__ import annotations

from itertools import pairwise

import pytest

from targets.models.context.boosting import PrefixBoost
from targets.nn.prefix_search import prefix_beam
from tests.targets.models.context.frames import TOKENS, heard, labels, sure

(SPACE,) = TOKENS.encode(" ")


# "call jon" as heard, with a name that might as well be "jan".
FRAMES = heard(*sure("call j"), {"o": 0.8, "a": 0.2}, *sure("n"))


def written(frames, *entries, nats=1.0, width=4):
    boost = PrefixBoost([labels(e) for e in entries], SPACE, nats)
    return TOKENS.decode(prefix_beam(frames, width, [boost], boost.reached)[0][0])


def test_a_listed_name_is_written_and_others_are_not():
    assert written(FRAMES) == "call jon"
    assert written(FRAMES, "jan") == "call jan"
    assert written(FRAMES, "jan", "jon") == "call jon"
    assert written(FRAMES, "zoe", "call") == "call jon"
    assert written(FRAMES, "jan", nats=0.1) == "call jon"


def test_a_beginning_of_an_entry_is_no_entry():
    # It would pay to write "jan" if the bonus of a spelling that ends early were kept.
    assert written(FRAMES, "janet") == "call jon"
    assert written(heard(*sure("call j"), {"o": 0.8, "a": 0.2}, *sure("n x")), "janx") == (
        "call jon x"
    )


def test_a_label_outside_the_best_is_reached():
    shares = {"o": 0.5, "e": 0.2, "i": 0.15, "u": 0.1, "a": 0.05}
    assert written(heard(*sure("j"), shares, *sure("n")), "jan", width=2) == "jan"


def test_what_spells_an_entry_on_is_tried_and_nothing_else():
    boost = PrefixBoost([labels("jan"), labels("jane"), labels("joe")], SPACE)
    for text, after in (("", "j"), ("call ", "j"), ("call j", "ao"), ("jan", "e"), ("jx", "")):
        assert sorted(boost.reached(labels(text))) == sorted(labels(after))
    assert boost.reached(labels("call jane")) == boost.reached(labels("ja jx")) == ()


@pytest.mark.parametrize("entry", ["jan", "jon", "cell", "zoe"])
def test_to_try_all_labels_of_all_entries_finds_the_same(entry):
    boost = PrefixBoost([labels(entry), labels("anna")], SPACE)
    everything = sorted(set(labels(entry + "anna")))
    text, score = prefix_beam(FRAMES, 8, [boost], boost.reached)[0]
    expected = prefix_beam(FRAMES, 8, [boost], lambda _: everything)[0]
    assert (text, score) == (expected[0], pytest.approx(expected[1]))


def test_the_bonus_grows_while_an_entry_is_spelled_and_is_taken_back():
    boost = PrefixBoost([labels("anna")], SPACE)
    grown = [boost.of(labels("call anna")[:n]) for n in range(5, 10)]
    steps = [b - a for a, b in pairwise(grown)]
    assert grown[0] == 0
    assert steps == sorted(steps)
    assert grown[-1] == boost.at_end(labels("call anna")) == pytest.approx(4.0)
    assert boost.of(labels("call annx")) == boost.of(labels("call annaa")) == 0
    assert boost.at_end(labels("call ann")) == 0
    assert boost.of(labels("call anna is")) == pytest.approx(4.0)


def test_without_a_label_between_words_entries_are_found_anywhere():
    boost = PrefixBoost([(5, 6), (6, 7, 8)], 0)
    assert boost.at_end((9, 5, 6, 9)) == 2
    assert boost.at_end((6, 7)) == 0
    assert 0 < boost.of((9, 6, 7)) < 3
    assert boost.of((5, 6, 6, 7, 8)) == 5
    assert boost.reached((9, 9)) == (5, 6, 7, 8)
