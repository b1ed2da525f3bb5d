"""What an audit needs of a recogniser that somebody else trained, and what not all of them can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, Protocol, get_args

import numpy as np

from targets.core.errors import OverheardError
from targets.speech.utterance import Samples

Ability = Literal["log_likelihood", "gradient_norm"]
ABILITIES: tuple[Ability, ...] = get_args(Ability)


class RecogniserError(OverheardError):
    """A recogniser cannot be opened or asked: names it, and says what to do."""


class UnheardError(RecogniserError):
    """One utterance cannot be used, such as one that is too long; others may be."""


class CannotError(RecogniserError):
    """The recogniser lacks an ability; `cannot` said so before."""


class OutsideRecogniser(Protocol):
    """A recogniser that takes one utterance at a time.

    `audio` is mono float32 (S,) at `rate` Hz, full scale 1; what a recogniser hears at another
    rate is resampled by its door. The same question has the same answer.
    """

    @property
    def name(self) -> str:
        """How the person named it, without secrets; for messages and reports."""
        ...

    @property
    def kind(self) -> str:
        """What it is in one word: `ctc`, `seq2seq`, `rnnt`, `tdt`, `service` or `script`."""
        ...

    @property
    def digest(self) -> str | None:
        """SHA-256 over all that determines its answers; None where it cannot be known."""
        ...

    @property
    def cannot(self) -> Mapping[Ability, str]:
        """The abilities that it lacks, each with the reason in one line."""
        ...

    def transcribe(self, audio: Samples, rate: int) -> str:
        """Return what it writes, as it writes it; an empty text is an answer.

        Raises:
            UnheardError: this utterance cannot be used.
            RecogniserError: none can.
        """
        ...

    def log_likelihood(self, audio: Samples, rate: int, text: str) -> float:
        """Return the log-probability of `text` given the audio, in nats of the whole utterance.

        From logits, never from a loss of the model's own, which averages. -inf where the text
        cannot be written at all, such as one of more labels than CTC has frames.

        Raises:
            CannotError: it lacks this ability.
            UnheardError: this utterance cannot be used.
            RecogniserError: none can.
        """
        ...

    def gradient_norm(self, audio: Samples, rate: int, text: str) -> float:
        """Return the Euclidean norm of the gradient of `log_likelihood` to all weights.

        Raises:
            CannotError: it lacks this ability.
            UnheardError: this utterance cannot be used.
            RecogniserError: none can.
        """
        ...


def can(recogniser: OutsideRecogniser, ability: Ability) -> bool:
    """Return whether a recogniser has an ability."""
    return ability not in recogniser.cannot


def refuse(recogniser: OutsideRecogniser, ability: Ability) -> NoReturn:
    """Say that a recogniser lacks an ability.

    Raises:
        CannotError: always.
    """
    raise CannotError(f"{recogniser.name}: no {ability}: {recogniser.cannot[ability]}")


@dataclass(frozen=True)
class Opening:
    """How recognisers are opened; each door takes what concerns it.

    `device` is where weights go. `language` is told to recognisers that take one (`en`). `adapter`
    is a folder with an adapter for the weights. `answers` is the folder where the answers of a
    service are kept; None keeps none. `key_from` names the environment variable with the key of a
    service; without it none is sent. `requests_a_minute` bounds how often it is asked; a question
    is asked up to `attempts` times, with pauses that begin at `first_pause` seconds and double, and
    all of it takes no more than `patience` seconds.
    """

    device: str = "cpu"
    language: str = ""
    adapter: Path | None = None
    answers: Path | None = None
    key_from: str = ""
    requests_a_minute: float = 600.0
    patience: float = 60.0
    attempts: int = 5
    first_pause: float = 1.0


def checked(audio: Samples, rate: int, name: str) -> Samples:
    """Return audio as every door takes it: (S,) float32, contiguous, finite, not empty.

    Raises:
        UnheardError: it is not.
    """
    found = np.ascontiguousarray(audio, dtype=np.float32)
    if found.ndim != 1:
        raise UnheardError(
            f"{name}: audio of shape {found.shape} was given; give one channel, of shape (S,)"
        )
    if not found.size:
        raise UnheardError(f"{name}: the audio has zero length; drop it or record it again")
    if rate <= 0:
        raise UnheardError(f"{name}: {rate} samples a second; give the rate of the audio in Hz")
    if not np.isfinite(found).all():
        raise UnheardError(f"{name}: the audio holds NaN or infinite samples; export it again")
    return found
