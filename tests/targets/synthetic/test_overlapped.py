"""Two talkers in one recording: who starts, for how long both are heard, and the same samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE, Corpus
from targets.synthetic.overlapped import LOUDNESS, in_pairs, overlapped
from tests.fakes import speech, utterance

LONG, SHORT = utterance("a", "red milk two", "x"), utterance("b", "dog", "y")


def loudness(samples):
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.999])
@pytest.mark.parametrize("pair", [(LONG, SHORT), (SHORT, LONG)])
def test_both_are_heard_as_long_as_is_said(pair, overlap):
    first, second = pair
    both = round(overlap * SHORT.size)
    onset = first.size - both
    silent = replace(second, samples=np.zeros(second.size, np.float32))
    found, alone = overlapped(first, second, overlap), overlapped(first, silent, overlap)
    assert (found.samples[:onset] == alone.samples[:onset]).all()
    changed = np.flatnonzero(found.samples != alone.samples)
    assert onset <= changed[0] < onset + 20
    assert found.size == max(first.size, onset + second.size)
    assert float(found.attributes["onset"]) == pytest.approx(onset / SAMPLE_RATE, abs=1e-3)


def test_both_are_as_loud_and_no_sample_is_cut():
    quiet = replace(SHORT, samples=SHORT.samples * np.float32(0.01))
    found = overlapped(LONG, quiet, 0.0)
    for part in (found.samples[: LONG.size], found.samples[LONG.size :]):
        assert loudness(part) == pytest.approx(LOUDNESS, rel=0.01)
    spikes = np.zeros(800, np.float32)
    spikes[::400] = 0.5
    clicks = overlapped(*(replace(u, samples=spikes) for u in (LONG, SHORT)), 0.5)
    assert 0.9 < np.abs(clicks.samples).max() < 1


def test_what_is_said_names_the_talkers_in_the_order_in_which_they_start():
    found = overlapped(SHORT, LONG, 0.5)
    assert found.text == "<dog>|<red milk two>"
    assert found.attributes["turns"] == "b a"
    assert found.attributes["talkers"] == "y x"
    onset = float(found.attributes["onset"])
    assert [w.text for w in found.words] == ["dog", "red", "milk", "two"]
    assert found.words[1].start == pytest.approx(LONG.words[0].start + onset, abs=1e-3)


def test_the_same_recordings_make_the_same_samples_in_16_bit_steps():
    one, again = (Corpus("mixed", (overlapped(LONG, SHORT, 0.4),)) for _ in range(2))
    assert one.digest == again.digest
    (mixture,) = one
    assert mixture.samples.dtype == np.float32
    steps = mixture.samples * 32768
    assert (steps == np.round(steps)).all()


def test_silence_stays_silence():
    silent = [replace(u, samples=np.zeros(800, np.float32)) for u in (LONG, SHORT)]
    assert not overlapped(*silent, 0.5).samples.any()


@pytest.mark.parametrize(("second", "overlap"), [(SHORT, 1.0), (SHORT, -0.1), (LONG, 0.5)])
def test_what_is_no_pair_is_refused(second, overlap):
    with pytest.raises(ValueError, match=r"overlap is|are both of x"):
        overlapped(LONG, second, overlap)


def test_what_has_turns_already_is_refused():
    mixture, other = overlapped(LONG, SHORT, 0.5), utterance("c", "tea", "z")
    twice = replace(other, text="<tea><on>")
    for pair in ((mixture, other), (other, mixture.without_words()), (twice, SHORT)):
        with pytest.raises(ValueError, match=r"(a\+b|c) has turns already"):
            overlapped(*pair, 0.5)


def test_pairs_are_of_two_speakers_and_each_turn_is_in_one():
    turns = speech(20, "private", speakers=5)
    pairs = in_pairs(turns, (0.2, 0.4), Randomness(0))
    assert sorted(u.id for a, b, _ in pairs for u in (a, b)) == sorted(u.id for u in turns)
    assert all(a.speaker != b.speaker and 0.2 <= overlap < 0.4 for a, b, overlap in pairs)
    assert (
        pairs
        == in_pairs(turns, (0.2, 0.4), Randomness(0))
        != in_pairs(turns, (0.2, 0.4), Randomness(1))
    )


def test_turns_of_one_speaker_alone_are_in_no_pair():
    turns = [*speech(5, "many", speakers=1), *speech(2, "few", speakers=1)]
    assert len(in_pairs(turns, (0.0, 0.5), Randomness(0))) == 2
