"""A shifted voice: pitch and formants move as far as asked, each without the other."""

from __future__ import annotations

import numpy as np
import pytest

from defenses.voice.shift import FORMANTS, SEMITONES, WINDOW, Shift, drawn_shift, shifted
from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE

PITCH, FORMANT = 120.0, 900.0  # Hz


def vowel():
    """Return a second of pulses through one resonance."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    harmonics = PITCH * np.arange(1, 60)
    loud = 1 / (1 + ((harmonics - FORMANT) / 150) ** 2)
    wave = (loud[:, None] * np.cos(2 * np.pi * harmonics[:, None] * time)).sum(0)
    return (0.2 * wave / np.abs(wave).max()).astype(np.float32)


def pitch_of(samples):
    """Return the frequency (Hz) at whose period the middle of a sound repeats."""
    middle = samples[4000:12000].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle, 2**15)) ** 2
    repeats = np.fft.irfft(spectrum)
    lags = np.arange(SAMPLE_RATE // 300, SAMPLE_RATE // 70)
    return SAMPLE_RATE / lags[np.argmax(repeats[lags])]


def centre_of(samples):
    """Return the mean frequency (Hz) of the power of a sound."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    near = (frequencies > 300) & (frequencies < 2_000)
    return float((power[near] * frequencies[near]).sum() / power[near].sum())


@pytest.mark.parametrize(
    ("semitones", "formants"), [(4.0, 1.0), (-3.0, 1.0), (0.0, 1.15), (0.0, 0.87), (4.0, 0.9)]
)
def test_pitch_and_formants_move_as_asked(semitones, formants):
    before = vowel()
    after = shifted(before, Shift(semitones, formants))
    assert pitch_of(after) == pytest.approx(PITCH * 2 ** (semitones / 12), rel=0.03)
    assert centre_of(after) / centre_of(before) == pytest.approx(formants, rel=0.06)


def test_length_and_loudness_stay():
    before = vowel()
    after = shifted(before, Shift(4.0, 0.9))
    assert after.shape == before.shape
    assert after.dtype == np.float32
    assert np.abs(after).max() <= 1
    assert np.sqrt(np.mean(after**2)) == pytest.approx(np.sqrt(np.mean(before**2)), rel=0.1)


def test_what_is_shorter_than_a_window_or_silent_is_no_error():
    short = vowel()[:WINDOW]
    assert np.array_equal(shifted(short, Shift(3.0, 1.1)), short)
    assert not shifted(np.zeros(8_000, np.float32), Shift(3.0, 1.1)).any()


def test_every_shift_is_far_enough_to_be_heard():
    shifts = [drawn_shift(Randomness(0).child(n)) for n in range(200)]
    assert all(SEMITONES[0] <= abs(s.semitones) <= SEMITONES[1] for s in shifts)
    assert all(FORMANTS[0] <= max(s.formants, 1 / s.formants) <= FORMANTS[1] for s in shifts)
    assert len({(s.semitones > 0, s.formants > 1) for s in shifts}) == 4
