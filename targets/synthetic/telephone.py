"""Speech over a telephone line: another channel than a microphone's, as a corpus of calls has it.

The band of the telephone (300 to 3,400 Hz), noise on the line, 8,000 samples a second in eight bits
by the µ-law of ITU-T G.711 in its continuous form, and the hiss of the receiver, which fills the
bands that the line leaves empty. A recogniser that learnt from wide-band recordings hears badly
there until it has heard calls.
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
PEAKS = 0.2, 0.9  # of a call, of full scale
LINE_SNR = 15.0, 30.0  # speech over the noise of the line, dB
HISS_SNR = 20.0, 35.0  # and over the hiss of the receiver
_FILTER = butter(4, BAND, "bandpass", fs=SAMPLE_RATE, output="sos")


def over_telephone(utterance: Utterance, randomness: Randomness) -> Utterance:
    """Return an utterance as heard at the other end of a line, with the same times."""
    heard = _call(utterance.samples.astype(np.float64), randomness)
    return replace(utterance, samples=heard)


def _call(samples: np.ndarray, randomness: Randomness) -> Samples:
    rng = randomness.numpy()
    peak, line_snr, hiss_snr = (rng.uniform(*r) for r in (PEAKS, LINE_SNR, HISS_SNR))
    sent = sosfilt(_FILTER, samples)
    noisy = sent + _noise(rng, len(sent), _loudness(sent), line_snr)
    line = soxr.resample(sosfilt(_FILTER, noisy), SAMPLE_RATE, LINE_RATE)
    line *= peak / max(float(np.abs(line).max(initial=0.0)), 1e-9)
    wide = soxr.resample(_eight_bits(line), LINE_RATE, SAMPLE_RATE)[: len(samples)]
    wide = np.pad(wide, (0, len(samples) - len(wide)))
    wide = np.clip(wide + _noise(rng, len(wide), _loudness(wide), hiss_snr), -1.0, 1.0)
    # By way of 16-bit integers, like every recording made here: see `acoustics.record`.
    return np.round(wide * 32767).astype(np.int16).astype(np.float32) / np.float32(32768)


def _loudness(samples: np.ndarray) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0


def _noise(rng: np.random.Generator, length: int, loudness: float, snr: float) -> np.ndarray:
    """Return white noise that is `snr` decibels below a loudness."""
    return rng.standard_normal(length) * loudness * 10 ** (-snr / 20)


def _eight_bits(line: np.ndarray) -> np.ndarray:
    """Return samples in [-1, 1] after µ-law companding, rounding, and expanding."""
    companded = np.sign(line) * np.log1p(MU * np.abs(line)) / np.log1p(MU)
    rounded = np.round(companded * LEVELS) / LEVELS
    expanded: np.ndarray = np.sign(rounded) * np.expm1(np.abs(rounded) * np.log1p(MU)) / MU
    return expanded
