"""Whisper's labels: texts come back, and label 0 is the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from targets.models.whisper.tokens import WhisperTokens
from targets.nn.search import END
from targets.speech.tokens import ALPHABET
from tests.tiny_whisper import make_whisper


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    return WhisperTokens(make_whisper(tmp_path_factory.mktemp("whisper")))


@given(words=st.lists(st.text(ALPHABET.replace(" ", "").replace("'", ""), min_size=1), max_size=5))
def test_texts_come_back(tokens, words):
    text = " ".join(words)
    labels = tokens.encode(text)
    assert tokens.decode(labels) == text
    assert END not in labels
    assert all(0 < label < tokens.size - 5 for label in labels)


def test_words_are_pairs_of_bytes(tokens):
    assert len(tokens.encode("on a two")) == 3
    assert tokens.encode("") == []


def test_what_whisper_writes_becomes_a_transcript(tokens):
    written = tokens.encode("P-I-T. It's 42, O’Neil!")
    assert tokens.decode(written) == "p i t it's 42 o'neil"


def test_zero_and_the_end_have_changed_places(tokens):
    end = tokens.size - 6
    assert tokens.decode([END]) == ""
    assert tokens.encode("!")[-1] == end  # "!" is the first of the bytes that can be seen
    assert tokens.decode([end, end + 1]) == ""  # punctuation, and what marks the beginning
