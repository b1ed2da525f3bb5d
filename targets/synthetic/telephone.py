"""Speech over a telephone line: another channel than a microphone's, as a corpus of calls has it.

The band of the telephone (300 to 3,400 Hz), noise on the line, 8,000 samples a second in eight bits
by the µ-law of ITU-T G.711 in its continuous form. A recogniser that learnt from wide-band
recordings hears worse there until it has heard calls.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import soxr
from scipy.signal import butter, sosfilt

from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE, Samples, Utterance

BAND = 300.0, 3400.0  # Hz
LINE_RATE = 8000  # Hz
MU = 255.0
LEVELS = 127  # to each side of silence
QUIETEST, LOUDEST = 0.2, 0.9  # peak of a call, of full scale
LEAST_SNR, MOST_SNR = 10.0, 25.0  # speech over the noise of the line, dB
_FILTER = butter(4, BAND, "bandpass", fs=SAMPLE_RATE, output="sos")


def over_telephone(utterance: Utterance, randomness: Randomness) -> Utterance:
    """Return an utterance as heard at the other end of a line, with the same times."""
    heard = _call(utterance.samples.astype(np.float64), randomness)
    return replace(utterance, samples=heard)


def _call(samples: np.ndarray, randomness: Randomness) -> Samples:
    rng = randomness.numpy()
    snr, peak = rng.uniform(LEAST_SNR, MOST_SNR), rng.uniform(QUIETEST, LOUDEST)
    sent = sosfilt(_FILTER, samples)
    loudness = np.sqrt(np.mean(np.square(sent))) if len(sent) else 0.0
    noisy = sent + rng.standard_normal(len(sent)) * loudness * 10 ** (-snr / 20)
    line = soxr.resample(sosfilt(_FILTER, noisy), SAMPLE_RATE, LINE_RATE)
    line *= peak / max(float(np.abs(line).max(initial=0.0)), 1e-9)
    wide = soxr.resample(_eight_bits(line), LINE_RATE, SAMPLE_RATE)[: len(samples)]
    wide = np.clip(np.pad(wide, (0, len(samples) - len(wide))), -1.0, 1.0)
    # By way of 16-bit integers, like every recording made here: see `acoustics.record`.
    return np.round(wide * 32767).astype(np.int16).astype(np.float32) / np.float32(32768)


def _eight_bits(line: np.ndarray) -> np.ndarray:
    """Return samples in [-1, 1] after µ-law companding, rounding, and expanding."""
    companded = np.sign(line) * np.log1p(MU * np.abs(line)) / np.log1p(MU)
    rounded = np.round(companded * LEVELS) / LEVELS
    expanded: np.ndarray = np.sign(rounded) * np.expm1(np.abs(rounded) * np.log1p(MU)) / MU
    return expanded
