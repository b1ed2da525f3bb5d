"""What is spoken: utterances and corpora, immutable and identified by their content."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from targets.core.errors import OverheardError

SAMPLE_RATE = 16_000  # Hz, of every waveform inside overheard
SPLITS = ("public", "private", "test")
TALKED_BY = "talkers"  # the attribute of a recording of several: who they are, by spaces

Samples = NDArray[np.float32]
Unit = Literal["utterance", "speaker"]  # what may be added to, or removed from, private speech


@dataclass(frozen=True)
class Word:
    """One word of an utterance and when it is spoken, in seconds from the start."""

    text: str
    start: float
    end: float


class Sound(Protocol):
    """Samples that lie elsewhere, `size` of them, and are read each time that they are asked for.

    `read` returns mono float32 (S,) at `SAMPLE_RATE`.
    """

    @property
    def size(self) -> int:
        """Number of samples."""
        ...

    def read(self) -> Samples:
        """Read the samples."""
        ...


class _SamplesOrSound:
    """The field `samples` of an utterance: set to an array or a `Sound`, read as an array."""

    def __get__(self, utterance: Utterance | None, owner: object = None) -> Samples:
        if utterance is None:
            raise AttributeError("samples")  # a dataclass asks for a default: there is none
        kept = utterance.sound
        if isinstance(kept, np.ndarray):
            return kept
        samples = kept.read()
        samples.setflags(write=False)
        return samples

    def __set__(self, utterance: Utterance, kept: Samples | Sound) -> None:
        if isinstance(kept, np.ndarray):
            kept.setflags(write=False)
        utterance.__dict__["sound"] = kept


@dataclass(frozen=True, eq=False)
class Utterance:
    """One recorded sentence.

    `samples` is mono float32 of shape (S,) at `SAMPLE_RATE`, read-only; it may be given as a
    `Sound`, which is then read each time that the samples are asked for. `text` is the normalised
    transcript: lower case, letters, apostrophes and single spaces. `attributes` carries what else
    the source said (gender, accent, split, ...). `origin` is where it is stated, as file:line, for
    messages alone.
    """

    id: str
    speaker: str
    samples: _SamplesOrSound = _SamplesOrSound()
    text: str  # type: ignore[misc]  # nor has the field before it a default
    words: tuple[Word, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""

    if TYPE_CHECKING:
        sound: ClassVar[Samples | Sound]

    @property
    def size(self) -> int:
        """Number of samples; reads none."""
        return self.sound.size

    @property
    def duration(self) -> float:
        """Seconds of audio; reads none."""
        return self.size / SAMPLE_RATE

    def without_words(self) -> Utterance:
        """Return the same sound without transcript."""
        return replace(self, samples=self.sound, text="", words=())


def _speaker(utterance: Utterance) -> str:
    # A pair is not a person: who is in several pairs would be several units, each promised less
    # than what is said of a speaker.
    if TALKED_BY in utterance.attributes:
        raise OverheardError(
            f"{utterance.id} holds several talkers, {utterance.attributes[TALKED_BY]}: they are no "
            f"one unit of speakers; take the unit utterance, or recordings of one talker each"
        )
    return utterance.speaker


# What a privacy unit groups by: a further unit is one entry here, and its name in `Unit`.
UNIT_KEYS: Mapping[Unit, Callable[[Utterance], str]] = {
    "utterance": lambda utterance: utterance.id,
    "speaker": _speaker,
}


def unit_key(utterance: Utterance, unit: Unit) -> str:
    """Return the name of the privacy unit that an utterance belongs to.

    Raises:
        OverheardError: the unit is the speaker, and the utterance is a recording of several.
    """
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

    @property
    def digest(self) -> str:
        """SHA-256 over ids, speakers, transcripts and samples: the same digest, the same corpus."""
        return _digest_of(tuple(map(weakref.ref, self.utterances)))


# Every cell of a process asks for those of the same speech, of which it holds nothing.
@lru_cache(maxsize=64)
def _digest_of(utterances: tuple[weakref.ref[Utterance], ...]) -> str:
    sha = hashlib.sha256()
    for u in (known() for known in utterances):
        assert u is not None  # whoever asks has them
        sha.update(f"{u.id}\0{u.speaker}\0{u.text}\0{u.size}\0".encode())
        sha.update(np.ascontiguousarray(u.samples).tobytes())
    return sha.hexdigest()
