"""Word error rate against a slow edit distance, and its interval over speakers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from targets.core.randomness import Randomness
from targets.speech.wer import errors_by_speaker, rate_of, word_error_rate, word_errors
from tests.fakes import utterance

sentences = st.lists(st.sampled_from("abc"), max_size=6)


def slow_distance(a, b):
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return slow_distance(a[1:], b[1:])
    return 1 + min(slow_distance(a[1:], b), slow_distance(a, b[1:]), slow_distance(a[1:], b[1:]))


@given(sentences.filter(bool), sentences)
def test_errors_are_the_edit_distance(reference, hypothesis):
    expected = slow_distance(reference, hypothesis), len(reference)
    assert word_errors(" ".join(reference), " ".join(hypothesis)) == expected


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors"),
    [
        ("<a b>|<c>", "<a b>|<c>", 0),
        ("<a b>|<c>", "<c>|<a b>", 4),  # right words of the wrong talker: two and one for one
        ("<a b>|<c>", "a b", 1),
        ("a b", "<a b>|<c>", 1),
        ("<a b>|<c>", "<a><b>|<c>", 0),  # another number of turns is no error of words
        ("|<c>", "a", 2),
    ],
)
def test_talkers_are_held_against_their_own_turns(reference, hypothesis, errors):
    words = len(reference.replace("|", " ").replace("<", "").replace(">", "").split())
    assert word_errors(reference, hypothesis) == (errors, words)


def heard(errors_of, words=4):
    """Return utterances and transcripts with so many errors for each speaker."""
    spoken, transcripts = [], []
    for speaker, errors in errors_of.items():
        spoken.append(utterance(speaker, " ".join("a" * words), speaker))
        transcripts.append(" ".join("a" * (words - errors)))
    return spoken, transcripts


def test_the_rate_is_of_words_not_of_sentences():
    spoken = [utterance("1", "a", "x"), utterance("2", "a b c d e f g h i", "y")]
    rate = word_error_rate(spoken, ["", "a b c d e f g h i"], Randomness(0))
    assert rate.value == pytest.approx(0.1)
    assert rate.low <= rate.value <= rate.high


def test_the_interval_is_about_speakers():
    rng = np.random.default_rng(0)
    covered, trials = 0, 150
    for trial in range(trials):
        # Speakers differ: half of them are never understood.
        chosen = {f"{trial}-{n}": int(4 * rng.integers(2)) for n in range(16)}
        rate = word_error_rate(*heard(chosen), Randomness(trial))
        covered += rate.low <= 0.5 <= rate.high
    assert covered / trials > 0.88


def test_one_speaker_has_no_interval_and_none_no_value():
    rate = word_error_rate(*heard({"only": 1}), Randomness(0))
    assert rate.value == 0.25
    assert math.isnan(rate.low)
    assert math.isnan(rate.high)
    assert not word_error_rate([], [], Randomness(0)).scored


def test_errors_are_kept_by_speaker_and_utterance():
    spoken = [utterance("1", "a b", "x"), utterance("2", "a b c", "y"), utterance("3", "c", "x")]
    heard_as = ["a", "a b c", "c d"]
    counts = errors_by_speaker(spoken, heard_as)
    assert counts == {"x": {"1": (1, 2), "3": (1, 1)}, "y": {"2": (0, 3)}}
    assert rate_of(counts, Randomness(5)) == word_error_rate(spoken, heard_as, Randomness(5))


def test_a_missing_transcript_is_a_mistake():
    spoken, transcripts = heard({"a": 0, "b": 1})
    with pytest.raises(ValueError, match="zip"):
        word_error_rate(spoken, transcripts[:1], Randomness(0))
