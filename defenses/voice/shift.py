"""A voice with another pitch and other formants: what is said, when and how stays the same."""

from __future__ import annotations

from dataclasses import dataclass

import librosa
import numpy as np
from numpy.typing import NDArray

from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE, Samples

WINDOW, HOP = 512, 128  # samples; 32 ms, short against a syllable
PERIOD = 0.002  # s; what repeats faster is the vocal tract, what is slower the vocal folds
FLOOR = 1e-5  # of a magnitude, so that its logarithm is finite
SEMITONES = 2.0, 5.0  # up or down
FORMANTS = 1.08, 1.2  # as a factor, or one over it
OCTAVE = 12  # semitones


@dataclass(frozen=True)
class Shift:
    """How far a voice is moved: its pitch in semitones, its formants by a factor."""

    semitones: float
    formants: float


def drawn_shift(rng: Randomness) -> Shift:
    """Return a shift by chance, of which each part is far enough to be heard."""
    generator = rng.numpy()
    up, longer = generator.choice([-1.0, 1.0], size=2)
    formants = float(generator.uniform(*FORMANTS)) ** longer
    return Shift(float(up * generator.uniform(*SEMITONES)), formants)


def shifted(samples: Samples, shift: Shift) -> Samples:
    """Return speech (S,) in the shifted voice (S,), in 16-bit steps.

    What is shorter than two windows stays as it is. A phase vocoder moves pitch and formants
    together; the spectral envelope is then warped by what is left to the wanted formants.
    """
    if len(samples) < 2 * WINDOW:
        return samples
    higher = librosa.effects.pitch_shift(
        samples, sr=SAMPLE_RATE, n_steps=shift.semitones, n_fft=WINDOW, hop_length=HOP
    )
    moved = 2 ** (shift.semitones / OCTAVE)
    spectrum = librosa.stft(higher, n_fft=WINDOW, hop_length=HOP)
    spectrum = spectrum * warp(np.abs(spectrum), shift.formants / moved)
    heard = librosa.istft(spectrum, n_fft=WINDOW, hop_length=HOP, length=len(samples))
    heard *= np.sqrt(np.mean(samples**2) / max(float(np.mean(heard**2)), 1e-12))
    loudest = float(np.abs(heard).max())
    heard /= max(1.0, loudest / 0.98)
    return np.round(heard * 32767).astype(np.int16).astype(np.float32) / np.float32(32768)


def warp(magnitudes: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Return the gains (F, T) that move the envelope of magnitudes (F, T) up by a factor."""
    logs = envelope(magnitudes)
    bins = np.arange(len(logs))
    moved = np.stack([np.interp(bins / factor, bins, frame) for frame in logs.T], axis=1)
    gains: NDArray[np.float32] = np.exp(moved - logs).astype(np.float32)
    return gains


def envelope(magnitudes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logarithm of the spectral envelope (F, T): the slow part of the cepstrum."""
    cepstrum = np.fft.irfft(np.log(np.maximum(magnitudes, FLOOR)), axis=0)
    kept = round(PERIOD * SAMPLE_RATE)
    cepstrum[kept : len(cepstrum) - kept + 1] = 0
    smooth: NDArray[np.float64] = np.fft.rfft(cepstrum, axis=0).real
    return smooth
