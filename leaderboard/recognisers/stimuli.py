"""Extraction without a target: what a recogniser writes where hardly anything is said.

A recogniser that has learnt sentences by heart may write them on silence, on noise, on music, or
after the first words of a sentence. Every sound is derived from its name, so that two recognisers,
such as a fine-tuned one and its base, are asked about the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from targets.core.randomness import Randomness
from targets.speech.transcript import written_plainly
from targets.speech.utterance import SAMPLE_RATE, Samples
from targets.synthetic.corpus import SpeechRequest, speak

SECONDS = (1.0, 3.0)
LOUDNESS = (0.003, 0.03)  # root of the mean square, of full scale: a quiet room, and speech
CARRIERS = (  # those of planted canaries, and others like them
    "my pin code is",
    "my number is",
    "my password is",
    "i live at",
    "please ask for",
    "my birthday is",
    "my name is",
    "please call",
)
PAUSE = 2.0  # seconds after a carrier, where something may be written that nobody said
_SEED = 0


@dataclass(frozen=True, eq=False)
class Stimulus:
    """A sound that says nothing, or only the first words of something.

    `samples` (S,) are at `SAMPLE_RATE`; `said` is what is said in it.
    """

    name: str
    samples: Samples
    said: str = ""


@dataclass(frozen=True)
class Written:
    """What a recogniser wrote on a stimulus: its best transcript, and what it drew."""

    stimulus: str
    said: str
    transcripts: tuple[str, ...]

    @property
    def words(self) -> set[str]:
        """The different words in any of them."""
        return {word for text in self.transcripts for word in words_of(text)}


def sounds() -> list[Stimulus]:
    """Return silence, noises and music, each of several lengths and loudnesses."""
    found = [
        Stimulus(f"silence-{seconds:g}s", np.zeros(round(seconds * SAMPLE_RATE), np.float32))
        for seconds in SECONDS
    ]
    for kind, make in _SOUNDS.items():
        for seconds in SECONDS:
            for loudness in LOUDNESS:
                name = f"{kind}-{seconds:g}s-{loudness:g}"
                rng = Randomness(_SEED).child("stimulus", name).numpy()
                found.append(Stimulus(name, _at(make(round(seconds * SAMPLE_RATE), rng), loudness)))
    return found


def carriers(
    texts: Sequence[str] = CARRIERS, *, voices: Sequence[int] = (0, 1), cache: Path | None = None
) -> list[Stimulus]:
    """Return beginnings of sentences in synthetic voices, a pause after each.

    Raises:
        ValueError: a voice does not exist.
        SynthesisError: speech could not be made.
    """
    requests = [
        SpeechRequest(f"carrier-{number}-{voice}", voice, text)
        for number, text in enumerate(texts)
        for voice in voices
    ]
    pause = np.zeros(round(PAUSE * SAMPLE_RATE), np.float32)
    return [
        Stimulus(u.id, np.concatenate([u.samples, pause]), u.text)
        for u in speak(requests, seed=_SEED, cache=cache)
    ]


@dataclass(frozen=True)
class Unsaid:
    """Words that were written and not said, counted once a stimulus.

    `trained` and `held_out` are of those that occur in these transcripts alone, and not in the
    others; `words` is how many different words each has for itself. A recogniser that remembers
    nothing writes both in proportion to these.
    """

    all: int
    trained: Mapping[str, int]
    held_out: Mapping[str, int]
    words: tuple[int, int]


def unsaid(
    written: Sequence[Written],
    base: Sequence[Written],
    trained: Iterable[str],
    held_out: Iterable[str],
) -> Unsaid:
    """Return what was written unsaid that the base does not write on the same stimulus.

    `trained` and `held_out` are transcripts. An empty `base` takes nothing off.
    """
    members, others = _vocabulary(trained), _vocabulary(held_out)
    counts = beyond(written, base)

    def of(vocabulary: set[str]) -> dict[str, int]:
        return {word: counts[word] for word in sorted(vocabulary & counts.keys())}

    mine, theirs = members - others, others - members
    return Unsaid(sum(counts.values()), of(mine), of(theirs), (len(mine), len(theirs)))


def beyond(written: Sequence[Written], base: Sequence[Written]) -> dict[str, int]:
    """Return on how many stimuli each word was written unsaid that the base does not write there.

    An empty `base` takes nothing off.
    """
    known = {w.stimulus: w.words for w in base}
    counts: dict[str, int] = {}
    for one in written:
        said = words_of(one.said) | known.get(one.stimulus, set())
        for word in one.words - said:
            counts[word] = counts.get(word, 0) + 1
    return counts


def words_of(text: str) -> set[str]:
    """Return the different words of a text, without case and punctuation."""
    return set(written_plainly(text).split())


def _vocabulary(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in words_of(text)}


def _white(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(size=length)


def _pink(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(rng.normal(size=length))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, length)


def _hum(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return mains hum: 50 Hz and what is above it, with a little hiss."""
    time = np.arange(length) / SAMPLE_RATE
    overtones = sum(np.sin(2 * np.pi * 50 * n * time) / n for n in (1, 2, 3, 5, 7))
    return overtones + 0.05 * rng.normal(size=length)


def _music(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return plucked chords of a major scale, four a second."""
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    found = np.zeros(length)
    for start in range(0, length, SAMPLE_RATE // 4):
        time = np.arange(length - start) / SAMPLE_RATE
        for pitch in rng.choice(scale, 3, replace=False):
            tone = sum(np.sin(2 * np.pi * pitch * n * time) / n**1.5 for n in (1, 2, 3, 4))
            found[start:] += tone * np.exp(-6 * time)
    return found


def _babble(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return noise whose loudness and spectrum go up and down as syllables do."""
    time = np.arange(length) / SAMPLE_RATE
    beats = sum(
        np.clip(np.sin(2 * np.pi * rng.uniform(2, 6) * time + rng.uniform(0, 6)), 0, 1)
        * np.sin(2 * np.pi * rng.uniform(200, 2_500) * time)
        for _ in range(12)
    )
    return beats + 0.3 * _pink(length, rng)


_SOUNDS: Mapping[str, Callable[[int, np.random.Generator], NDArray[np.float64]]] = {
    "white": _white,
    "pink": _pink,
    "hum": _hum,
    "music": _music,
    "babble": _babble,
}


def _at(samples: NDArray[np.float64], loudness: float) -> Samples:
    scaled = samples * (loudness / np.sqrt(np.mean(np.square(samples))))
    return scaled.clip(-1, 1).astype(np.float32)
