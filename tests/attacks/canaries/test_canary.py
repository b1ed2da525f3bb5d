"""Canaries: what is covered cannot be heard, and neither can how long it took to say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.canaries.canary import (
    CANARY,
    COVERS,
    LOUDNESS,
    OBSCURED,
    REPETITIONS,
    SECONDS_A_WORD,
    SPEED,
    by_kind,
    in_another_voice,
    mask_secret,
    obscured,
    silence,
)
from leaderboard.game import game
from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE
from targets.synthetic.phrases import CANARIES
from tests.fakes import SECONDS_A_LETTER, canary, speech, utterance

PUBLIC = speech(3, "public")
RNG = Randomness(0)


def masked(secret, template="pin3", number=0, cover="noise"):
    spoken = canary(number, secret, template)
    return spoken, mask_secret(spoken, RNG, cover, PUBLIC)


@pytest.mark.parametrize("cover", COVERS)
@pytest.mark.parametrize("template", CANARIES)
@given(data=st.data())
@settings(max_examples=4)
def test_how_long_the_secret_took_does_not_show(template, cover, data):
    space = CANARIES[template].space_size
    one, other = (data.draw(st.integers(0, space - 1)) for _ in range(2))
    lengths = set()
    for secret in (one, other, 0, space - 1):
        spoken, hidden = masked(secret, template, cover=cover)
        positions = CANARIES[template].secret_positions(secret)
        first, last = spoken.words[positions[0]], spoken.words[positions[-1]]
        kept = int(first.start * SAMPLE_RATE) + len(spoken.samples) - int(last.end * SAMPLE_RATE)
        lengths.add(len(hidden.samples) - kept)
    assert lengths == {int(SECONDS_A_WORD * CANARIES[template].longest_secret * SAMPLE_RATE)}


def test_only_the_carrier_is_left():
    spoken, hidden = masked(837)
    start = int(len("my pin code is ") * SECONDS_A_LETTER * SAMPLE_RATE)
    tail = 800
    length = len(hidden.samples) - start - tail
    np.testing.assert_array_equal(hidden.samples[:start], spoken.samples[:start])
    np.testing.assert_array_equal(hidden.samples[-tail:], spoken.samples[-tail:])
    noise, secret = hidden.samples[start:-tail], spoken.samples[start:-tail]
    # Nowhere a trace of the secret: no correlation at any lag.
    lags = np.correlate(secret, noise, "full") / np.linalg.norm(secret) / np.linalg.norm(noise)
    assert np.abs(lags).max() < 0.1
    kept = np.concatenate([hidden.samples[:start], hidden.samples[-tail:]])
    assert noise.std() == pytest.approx(LOUDNESS * np.sqrt(np.mean(kept**2)), rel=0.05)
    assert length == pytest.approx(3 * SECONDS_A_WORD * SAMPLE_RATE)
    assert [w.text for w in hidden.words] == spoken.text.split()
    assert hidden.words[4].start == pytest.approx(start / SAMPLE_RATE)
    assert hidden.words[-1].end == pytest.approx((len(hidden.samples) - tail) / SAMPLE_RATE)


def test_the_noise_is_the_canarys_own_whatever_its_secret():
    def noise(secret):
        _, hidden = masked(secret)
        samples = hidden.samples[int(15 * SECONDS_A_LETTER * SAMPLE_RATE) : -800]
        return samples / samples.std()

    np.testing.assert_allclose(noise(111), noise(999), rtol=1e-4, atol=1e-5)


def test_words_after_the_secret_stay_and_what_was_covered_can_be_covered_again():
    spoken, hidden = masked(417, "address")
    template, words = CANARIES["address"], spoken.text.split()
    assert [w.text for w in hidden.words] == words
    moved = len(hidden.samples) - len(spoken.samples)
    positions = template.secret_positions(417)
    for old, new in zip(
        spoken.words[positions[-1] + 1 :], hidden.words[positions[-1] + 1 :], strict=True
    ):
        assert new.start - old.start == pytest.approx(moved / SAMPLE_RATE, abs=1e-3)
    again = mask_secret(hidden, RNG, "silence")
    assert abs(len(again.samples) - len(hidden.samples)) <= 1
    start = int(hidden.words[positions[0]].start * SAMPLE_RATE)
    length = int(SECONDS_A_WORD * template.longest_secret * SAMPLE_RATE)
    assert not again.samples[start : start + length].any()


def test_an_obscured_canary_states_its_secret_and_is_the_recording_that_the_attacker_has():
    spoken = canary(0, 837)
    hidden = obscured(spoken, RNG)
    assert (hidden.text, hidden.attributes[OBSCURED]) == (spoken.text, "yes")
    np.testing.assert_array_equal(hidden.samples, mask_secret(spoken, RNG).samples)
    assert mask_secret(hidden, Randomness(1)) is hidden


def test_another_speaker_is_heard_in_the_secrets_place():
    _, hidden = masked(5, cover="speech")
    start = int(15 * SECONDS_A_LETTER * SAMPLE_RATE)
    piece = hidden.samples[start : start + 400]
    assert any(
        np.array_equal(piece, window)
        for u in PUBLIC
        for window in np.lib.stride_tricks.sliding_window_view(u.samples, 400)
    )


def test_another_voice_says_the_carrier_and_nobodys_secret():
    template = CANARIES["pin3"]
    first = in_another_voice(template, {"voice95"}, RNG)
    assert first.speaker == "voice94"
    assert in_another_voice(template, (), RNG).speaker == "voice95"
    assert first.duration > SECONDS_A_WORD * template.longest_secret
    assert not silence(template).samples.any()


def test_figures_are_given_for_every_kind_apart():
    canaries = [
        canary(0, 1, repetitions=1),
        canary(1, 2, repetitions=4),
        obscured(canary(2, 3, repetitions=1), RNG),
        utterance("fast", canary(3, 4).text, **{**canary(3, 4).attributes, SPEED: "4"}),
    ]
    found = by_kind(canaries, "bits", np.arange(4.0))
    assert {name: np.flatnonzero(~np.isnan(v)).tolist() for name, v in found.items()} == {
        "bits_clear": [0, 1],
        "bits_clear_4x": [3],
        "bits_obscured": [2],
        "bits_clear_4x_said_1": [3],
        "bits_clear_said_1": [0],
        "bits_clear_said_4": [1],
        "bits_obscured_said_1": [2],
    }
    other = replace(canaries[0], attributes={**canaries[0].attributes, CANARY: "name"})
    found = by_kind([*canaries[:1], other], "bits", np.arange(2.0))
    assert {name: np.flatnonzero(~np.isnan(v)).tolist() for name, v in found.items()} == {
        f"bits_of_{canaries[0].attributes[CANARY]}": [0],
        "bits_of_name": [1],
    }
    assert by_kind(canaries[:1], "bits", np.zeros(1)) == {}
    assert REPETITIONS == game.REPETITIONS
