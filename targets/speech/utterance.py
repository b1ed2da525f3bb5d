"""What is spoken: utterances and corpora, immutable and identified by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # Hz, of every waveform inside overheard
SPLITS = ("public", "private", "test")

Samples = NDArray[np.float32]
Unit = Literal["utterance", "speaker"]  # what may be added to, or removed from, private speech


@dataclass(frozen=True)
class Word:
    """One word of an utterance and when it is spoken, in seconds from the start."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Utterance:
    """One recorded sentence.

    `samples` is mono float32 of shape (S,) at `SAMPLE_RATE`, read-only. `text` is the normalised
    transcript: lower case, letters, apostrophes and single spaces. `attributes` carries what else
    the source said (gender, accent, split, ...).
    """

    id: str
    speaker: str
    samples: Samples
    text: str
    words: tuple[Word, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.samples.setflags(write=False)

    @property
    def duration(self) -> float:
        """Seconds of audio."""
        return len(self.samples) / SAMPLE_RATE


# What a privacy unit groups by: a further unit is one entry here, and its name in `Unit`.
UNIT_KEYS: Mapping[Unit, Callable[[Utterance], str]] = {
    "utterance": lambda utterance: utterance.id,
    "speaker": lambda utterance: utterance.speaker,
}


def unit_key(utterance: Utterance, unit: Unit) -> str:
    """Return the name of the privacy unit that an utterance belongs to."""
    return UNIT_KEYS[unit](utterance)


@dataclass(frozen=True, eq=False)
class Corpus:
    """An ordered, immutable collection of utterances with unique ids."""

    name: str
    utterances: tuple[Utterance, ...]

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self.utterances)

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The distinct speakers, sorted."""
        return tuple(sorted({u.speaker for u in self.utterances}))

    @property
    def hours(self) -> float:
        """Hours of audio."""
        return sum(u.duration for u in self.utterances) / 3600

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ids, speakers, transcripts and samples: the same digest, the same corpus."""
        sha = hashlib.sha256()
        for u in self.utterances:
            sha.update(f"{u.id}\0{u.speaker}\0{u.text}\0{len(u.samples)}\0".encode())
            sha.update(np.ascontiguousarray(u.samples).tobytes())
        return sha.hexdigest()
