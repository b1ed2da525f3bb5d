"""A telephone line: its band, its noise, the same every time, and silence that stays silence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE
from targets.synthetic.telephone import over_telephone
from tests.fakes import utterance


def tone(frequency, seconds=1.0):
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    samples = (0.3 * np.sin(2 * np.pi * frequency * at)).astype(np.float32)
    return replace(utterance("tone", "on"), samples=samples)


def share(samples, low, high):
    power = np.abs(np.fft.rfft(samples)) ** 2
    at = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return power[(at >= low) & (at < high)].sum() / power.sum()


def test_only_the_band_of_the_telephone_passes():
    hiss = np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32) * 0.1
    heard = over_telephone(replace(utterance("hiss", "on"), samples=hiss), Randomness(0)).samples
    assert share(hiss, 300, 3400) < 0.45
    assert share(heard, 250, 3600) > 0.97
    inside = over_telephone(tone(1000), Randomness(0)).samples
    assert share(inside, 990, 1010) > 0.85  # the rest is the noise of the line


def test_a_call_is_as_long_as_its_recording_in_16_bit_steps_and_the_same_every_time():
    one, again, other = (over_telephone(tone(700, 0.51), Randomness(n)).samples for n in (0, 0, 1))
    assert len(one) == round(0.51 * SAMPLE_RATE)
    assert one.dtype == np.float32
    assert (one == again).all()
    assert (one != other).any()
    assert (one * 32768 == np.round(one * 32768)).all()
    assert 0.15 < np.abs(one).max() <= 1


def test_silence_stays_silence():
    silent = replace(utterance("silent", "on"), samples=np.zeros(4000, dtype=np.float32))
    assert not over_telephone(silent, Randomness(0)).samples.any()
