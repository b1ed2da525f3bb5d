"""The class of unknown words: a list takes a share of it, and all of it stays a distribution."""

from __future__ import annotations

import math

import pytest

from targets.models.context.language_model import START, UNKNOWN, ClassBigrams, WordScores
from targets.nn.prefix_search import prefix_beam
from tests.targets.models.context.frames import TOKENS, heard, labels, sure

TEXTS = ["call anna", "call peter", "call peter", "call john", "turn on the fan", "turn on the fan"]
MODEL = ClassBigrams.learn(TEXTS)


@pytest.mark.parametrize("before", [START, "call", "fan", "never heard"])
def test_words_and_their_class_sum_to_one(before):
    words = [word for word in MODEL.words if word != UNKNOWN]
    known = sum(math.exp(MODEL.log_probability(word, before)) for word in words)
    listed = MODEL.with_list(["zoe", "quist"])
    of_list = sum(math.exp(listed.log_probability(word, before)) for word in ("zoe", "quist"))
    # By its class, of which the list has half, and the end of a word is as likely as a letter.
    unknown = 1 - known
    assert of_list == pytest.approx(unknown / 2)
    alone = math.exp(MODEL.log_probability("x", before))
    assert alone == pytest.approx(unknown / 27**2)


def test_a_listed_word_is_likelier_the_shorter_the_list():
    one, two = (
        MODEL.with_list(words).log_probability("zoe", "call")
        for words in (["zoe"], ["zoe", "quist"])
    )
    assert one - two == pytest.approx(math.log(2))
    assert two > MODEL.log_probability("zoe", "call")
    # What is known is not changed by a list.
    assert MODEL.with_list(["peter"]).log_probability("peter", "call") == MODEL.log_probability(
        "peter", "call"
    )


def test_a_name_follows_what_names_follow():
    listed = MODEL.with_list(["zoe"])
    assert listed.log_probability("zoe", "call") > listed.log_probability("zoe", "the")


def test_a_listed_name_is_written():
    frames = heard(*sure("call j"), {"o": 0.7, "a": 0.3}, *sure("n"))
    plain, listed = (
        prefix_beam(frames, 8, [WordScores(model, TOKENS)])[0][0]
        for model in (MODEL, MODEL.with_list(["jan"]))
    )
    assert (plain, listed) == (labels("call jon"), labels("call jan"))


def test_a_word_is_worth_the_likeliest_that_it_can_become():
    listed = MODEL.with_list(["petronia", "quist"])
    peter, petronia = (listed.log_probability(word, "call") for word in ("peter", "petronia"))
    assert listed.likeliest("p", "call") == listed.likeliest("pet", "call") == max(peter, petronia)
    assert listed.likeliest("petr", "call") == petronia
    assert listed.likeliest("xyz", "call") == listed.log_probability("abc", "call")
    # It only ever falls while a word is written, so that nothing is promised that does not come.
    grown = [listed.likeliest("petronella"[:n], "call") for n in range(1, 11)]
    assert grown == sorted(grown, reverse=True)


def test_a_space_ends_a_word():
    scores = WordScores(MODEL, TOKENS)
    pet = scores.at_end(labels("call pet"))
    assert scores.of(labels("call pet ")) == pet
    # Without the space it may still become peter, which is likelier.
    assert scores.of(labels("call pet")) == scores.at_end(labels("call peter")) > pet


def test_a_search_ends_a_word_that_is_not_known():
    text = "call brunhild is on the fan"
    model = ClassBigrams.learn([*TEXTS, *["call anna is on the fan"] * 4])
    frames = heard(*({c: 0.9, "a" if c == " " else "b": 0.1} for c in text))
    found = TOKENS.decode(prefix_beam(frames, 4, [WordScores(model, TOKENS)])[0][0])
    assert found == text
