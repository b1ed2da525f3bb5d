"""Spelled phrases: in the alphabet, of every kind, and always the same."""

from __future__ import annotations

from collections import Counter

import pytest

from targets.core.randomness import Randomness
from targets.speech.transcript import normalise
from targets.synthetic.phrases import DIGITS
from targets.synthetic.spelled import KINDS, SHARES, spelled_phrase

DRAWN = [spelled_phrase(Randomness(0).child(n)) for n in range(2_000)]


def test_texts_are_transcripts_already():
    assert all(normalise(text) == text for _, text in DRAWN)
    assert all(len(text.split()) <= 30 for _, text in DRAWN)


def test_every_kind_has_its_share():
    counts = Counter(kind for kind, _ in DRAWN)
    assert set(counts) == set(KINDS)
    assert sum(SHARES) == pytest.approx(1)
    for kind, share in zip(KINDS, SHARES, strict=True):
        assert counts[kind] / len(DRAWN) == pytest.approx(share, abs=0.04)


def test_names_are_letters_and_digits_are_words():
    assert all(len(w) == 1 for kind, text in DRAWN if kind == "spelled" for w in text.split())
    said = {w for kind, text in DRAWN if kind == "digits" for w in text.split()}
    assert said == {*DIGITS, "oh"}


def test_a_stream_says_the_same_again():
    assert [spelled_phrase(Randomness(0).child(n)) for n in range(50)] == DRAWN[:50]
    assert len({text for _, text in DRAWN}) > 1_000
