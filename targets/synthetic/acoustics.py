"""Where it is said: a room, background noise and a level, so that clean speech is a fair task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, rfft, rfftfreq
from scipy.signal import fftconvolve

from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE, Samples

_EARLIEST_ECHO = 0.002  # s after the direct sound: a wall at about a third of a metre
_LONGEST_ECHO = 0.25  # s; later echoes are too faint to matter in rooms this dry


@dataclass(frozen=True)
class Acoustics:
    """One recording situation; times in seconds, ratios and levels in decibels."""

    lead: float  # background alone, before the speech
    trail: float  # and after it
    reverberation: float  # until echoes have fallen by 60 dB
    direct: float  # energy of the direct sound over that of all echoes
    snr: float  # speech over background
    colour: float  # the background's power falls with frequency to this power: 0 white, 2 brown
    level: float  # root mean square of the speech, relative to full scale


def draw_acoustics(randomness: Randomness) -> Acoustics:
    """Draw an ordinary room and an ordinary microphone distance."""
    rng = randomness.numpy()
    return Acoustics(
        lead=rng.uniform(0.05, 0.15),
        trail=rng.uniform(0.08, 0.2),
        reverberation=rng.uniform(0.08, 0.35),
        direct=rng.uniform(4, 16),
        snr=rng.uniform(15, 35),
        colour=rng.uniform(0, 2),
        level=rng.uniform(-32, -18),
    )


def record(dry: Samples, acoustics: Acoustics, randomness: Randomness) -> Samples:
    """Return `dry` (S,) as heard in that situation: (lead + S + trail,), in 16-bit steps.

    The direct sound arrives without delay, so that times within `dry` only move by `lead`.
    """
    rng = randomness.numpy()
    lead, trail = (round(s * SAMPLE_RATE) for s in (acoustics.lead, acoustics.trail))
    wet = np.zeros(lead + len(dry) + trail)
    heard = fftconvolve(dry.astype(np.float64), _room(acoustics, rng))[: len(dry) + trail]
    wet[lead : lead + len(heard)] = heard
    loudness = np.sqrt(np.mean(heard[: len(dry)] ** 2)) if len(dry) else 0.0
    noise = _noise(len(wet), acoustics.colour, rng) * 10 ** (-acoustics.snr / 20)
    # A silent sentence keeps its background: nothing here divides by zero.
    mixed = 10 ** (acoustics.level / 20) * (wet / max(loudness, 1e-9) + noise)
    mixed *= min(1.0, 0.98 / max(float(np.abs(mixed).max(initial=0.0)), 1e-9))
    # 16-bit steps, so that a corpus read back from disk equals the one just made. By way of
    # integers, which know no -0.0: it equals 0.0 and has another digest.
    return np.round(mixed * 32767).astype(np.int16).astype(np.float32) / np.float32(32768)


def _room(acoustics: Acoustics, rng: np.random.Generator) -> np.ndarray:
    """Return an impulse response (I,): the direct sound, then exponentially fading noise."""
    length = round(min(acoustics.reverberation, _LONGEST_ECHO) * SAMPLE_RATE)
    seconds = np.arange(length) / SAMPLE_RATE
    echoes = rng.standard_normal(length) * 10 ** (-3 * seconds / acoustics.reverberation)
    echoes[: round(_EARLIEST_ECHO * SAMPLE_RATE)] = 0
    echoes *= 10 ** (-acoustics.direct / 20) / np.sqrt(np.sum(echoes**2))
    echoes[0] = 1
    return echoes


def _noise(length: int, colour: float, rng: np.random.Generator) -> np.ndarray:
    """Return `length` samples of unit-power noise whose power spectrum falls as 1/f**colour."""
    # By scipy, which plans a length once for both ways: most lengths have a large prime factor, and
    # then the plan is most of the work. The samples are those of numpy.
    spectrum = rfft(rng.standard_normal(length))
    # Flat below 50 Hz: a falling spectrum would put nearly all of its power where nothing is heard.
    frequencies = np.maximum(rfftfreq(length, 1 / SAMPLE_RATE), 50)
    noise: np.ndarray = irfft(spectrum * frequencies ** (-colour / 2), length)
    return noise / np.sqrt(np.mean(noise**2))
