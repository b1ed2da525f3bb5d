"""F1 of rare words, on cases counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from targets.core.randomness import Randomness
from targets.speech.rare_words import rare_word_f1
from targets.speech.utterance import Utterance

LISTED = {"zoe", "quist"}


def f1(*pairs):
    """Return the F1 of (speaker, said, written)."""
    said = [
        Utterance(f"u{n}", speaker, np.zeros(1, np.float32), text)
        for n, (speaker, text, _) in enumerate(pairs)
    ]
    return rare_word_f1(said, [written for *_, written in pairs], LISTED, Randomness(0))


def test_words_are_counted_by_utterance():
    # Said 3, written 3 (one of them in the wrong utterance), right 2.
    found = f1(
        ("a", "call zoe quist", "call zoe west"),
        ("b", "call zoe", "call zoe quist"),
        ("b", "stop", "stop it"),
    )
    assert found.value == pytest.approx(2 * 2 / 6)
    assert found.low <= found.value <= found.high


def test_a_word_that_is_repeated_is_right_as_often_as_it_was_said():
    assert f1(("a", "zoe zoe", "zoe zoe zoe"), ("b", "x", "x")).value == pytest.approx(4 / 5)


def test_all_and_none():
    assert f1(("a", "zoe", "zoe"), ("b", "quist", "quist")).low == 1
    assert f1(("a", "zoe", "so"), ("b", "quist", "quest")).high == 0


def test_what_cannot_be_measured_is_said():
    assert not f1(("a", "stop", "stop")).scored
    assert math.isnan(f1(("a", "zoe", "zoe")).low)
