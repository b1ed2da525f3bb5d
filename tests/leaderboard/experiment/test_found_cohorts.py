"""Who sounds alike is found where nobody says so, and how many groups there are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from attacks.canaries.canary import CANARY
from leaderboard.experiment.found_cohorts import cohorts_of, groups, silhouette
from leaderboard.game.game import Game
from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE
from tests.fakes import speech


def planted(sizes, rng, apart=8.0):
    """Return points (N, 5) in groups of these sizes, and the group of each."""
    which = np.repeat(np.arange(len(sizes)), sizes)
    return rng.normal(size=(len(which), 5)) + apart * np.eye(5)[which], which


@pytest.mark.parametrize("sizes", [(12, 6), (10, 7, 5), (8, 7, 6, 4)])
def test_planted_groups_are_found_and_the_largest_is_the_first(sizes):
    points, which = planted(sizes, np.random.default_rng(0))
    assert groups(points) == (which + 1).tolist()


def test_a_silhouette_by_hand():
    distances = squareform(pdist(np.array([[0.0], [1.0], [5.0], [9.0]])))
    two = np.array([1, 1, 2, 2], dtype=np.int32)
    # Own 1, 1, 4, 4; other 7, 6, 4.5, 8.5.
    expected = np.mean([6 / 7, 5 / 6, 0.5 / 4.5, 4.5 / 8.5])
    assert silhouette(distances, two) == pytest.approx(expected)
    alone = np.array([1, 1, 1, 2], dtype=np.int32)
    assert silhouette(distances, alone) == pytest.approx(np.mean([6 / 9, 5.5 / 8, -0.5 / 4.5, 0]))
    assert silhouette(distances, np.ones(4, dtype=np.int32)) == -1


def muffled(utterance):
    """Return the utterance through a low pass: another kind of voice."""
    spectrum = np.fft.rfft(utterance.samples)
    spectrum[np.fft.rfftfreq(utterance.size, 1 / SAMPLE_RATE) > 900] *= 0.01
    return replace(utterance, samples=np.fft.irfft(spectrum, utterance.size).astype(np.float32))


def game(private, test):
    public = [muffled(u) if n % 2 else u for n, u in enumerate(speech(24, "public", speakers=6))]
    return Game.set_up(public, private, test, Randomness(0))


def test_voices_of_one_kind_are_one_cohort():
    private = [muffled(u) if n % 16 < 4 else u for n, u in enumerate(speech(48, "private", 16))]
    found = cohorts_of(game(private, speech(8, "test", 4)))
    dull = {u.speaker for n, u in enumerate(private) if n % 16 < 4}
    assert set(found) == {f"private-s{n}" for n in range(16)} | {f"test-s{n}" for n in range(4)}
    kinds = {found[speaker]["voice"] for speaker in dull}
    assert not kinds & {v["voice"] for speaker, v in found.items() if speaker not in dull}


def test_what_the_corpus_says_is_taken_and_few_speakers_are_not_grouped():
    private = [replace(u, attributes={"gender": "female"}) for u in speech(20, "private", 20)]
    stated = cohorts_of(game(private, speech(4, "test", 4)))
    assert stated == {f"private-s{n}": {"gender": "female"} for n in range(20)}
    assert cohorts_of(game(speech(8, "private", 4), speech(4, "test", 4))) == {}


def test_canaries_beside_a_corpus_that_says_nothing_do_not_stand_for_it():
    private = [muffled(u) if n % 16 < 4 else u for n, u in enumerate(speech(48, "private", 16))]
    said = {CANARY: "pin", "gender": "female", "accent": "en"}
    canaries = [replace(u, attributes=said) for u in speech(6, "canary", 3)]
    found = cohorts_of(game([*private, *canaries], speech(8, "test", 4)))
    assert set(found) == {f"private-s{n}" for n in range(16)} | {f"test-s{n}" for n in range(4)}
    assert {name for known in found.values() for name in known} == {"voice"}
