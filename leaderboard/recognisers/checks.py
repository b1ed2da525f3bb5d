"""The contract of outside recognisers: what `overheard check-model` holds them to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from leaderboard.recognisers.base import (
    ABILITIES,
    Ability,
    CannotError,
    OutsideRecogniser,
    RecogniserError,
    UnheardError,
    can,
)
from leaderboard.recognisers.words import plain
from targets.speech.utterance import SAMPLE_RATE, Utterance
from targets.speech.wer import word_errors

AS_MUCH = 1e-6  # relative: two answers that differ by more are not the same

T = TypeVar("T")


class ContractError(RecogniserError):
    """A recogniser does not keep the contract: says which promise, and of which utterance."""


@dataclass(frozen=True)
class Kept:
    """What a recogniser that keeps the contract did on the speech of the check.

    `transcripts` are as written. `right_above_wrong` is the fraction of utterances whose own text
    it takes to be likelier than another's. `speed` is seconds of work a second of audio.
    """

    transcripts: tuple[str, ...]
    wer: float
    speed: Mapping[str, float] = field(default_factory=dict)
    right_above_wrong: float | None = None
    nats_a_letter: float | None = None


def check_recogniser(recogniser: OutsideRecogniser, speech: Sequence[Utterance]) -> Kept:
    """Put a recogniser through the contract on at least two transcribed utterances.

    Raises:
        ContractError: it breaks a promise.
        RecogniserError: it cannot be asked.
    """
    if len(speech) < 2 or len({u.text for u in speech}) < 2:
        raise ValueError("two utterances of different texts are needed")
    _refuses_nothing_to_hear(recogniser)
    stopwatch = _Stopwatch(recogniser.name, sum(u.duration for u in speech))
    transcripts = stopwatch.of("transcribe", _transcripts, recogniser, speech)
    _hears_other_rates(recogniser, speech[0])
    above = nats = None
    if can(recogniser, "log_likelihood"):
        right = stopwatch.of("log_likelihood", _likelihoods, recogniser, speech, speech)
        others = [*speech[1:], speech[0]]
        wrong = _likelihoods(recogniser, speech, others)
        pairs = zip(right, wrong, speech, others, strict=True)
        judged = [own > foreign for own, foreign, u, other in pairs if u.text != other.text]
        above = sum(judged) / len(judged)
        nats = -sum(right) / max(sum(len(u.text) for u in speech), 1)
    if can(recogniser, "gradient_norm"):
        stopwatch.of("gradient_norm", _norms, recogniser, speech)
    for ability in ABILITIES:
        if not can(recogniser, ability):
            _says_that_it_cannot(recogniser, ability, speech[0])
    counts = [
        word_errors(plain(u.text), plain(text)) for u, text in zip(speech, transcripts, strict=True)
    ]
    wer = sum(errors for errors, _ in counts) / sum(words for _, words in counts)
    return Kept(tuple(transcripts), wer, stopwatch.speed, above, nats)


@dataclass
class _Stopwatch:
    name: str
    seconds: float
    speed: dict[str, float] = field(default_factory=dict)

    def of(self, what: str, work: Callable[..., T], *arguments: object) -> T:
        """Return what some work gives; keep how long it took, asked twice as everything is."""
        start = time.perf_counter()
        found = work(*arguments)
        self.speed[what] = (time.perf_counter() - start) / (2 * self.seconds)
        return found


def _transcripts(recogniser: OutsideRecogniser, speech: Sequence[Utterance]) -> list[str]:
    found = []
    for u in speech:
        given = np.array(u.samples)
        first, again = (recogniser.transcribe(given, SAMPLE_RATE) for _ in range(2))
        if not isinstance(first, str):
            raise ContractError(
                f"{recogniser.name}: transcribe returned {type(first).__name__}, not a str"
            )
        if first != again:
            raise ContractError(
                f"{recogniser.name}: wrote {first!r}, then {again!r} for the same audio ({u.id}): "
                f"switch off sampling and dropout (model.eval())"
            )
        if not np.array_equal(given, u.samples):
            raise ContractError(
                f"{recogniser.name}: changed the audio that it was given: copy it first"
            )
        found.append(first)
    return found


def _hears_other_rates(recogniser: OutsideRecogniser, utterance: Utterance) -> None:
    half = np.ascontiguousarray(utterance.samples[::2])
    if not isinstance(recogniser.transcribe(half, SAMPLE_RATE // 2), str):
        raise ContractError(f"{recogniser.name}: cannot hear audio at {SAMPLE_RATE // 2} Hz")


def _refuses_nothing_to_hear(recogniser: OutsideRecogniser) -> None:
    try:
        recogniser.transcribe(np.zeros(0, np.float32), SAMPLE_RATE)
    except UnheardError:
        return
    raise ContractError(f"{recogniser.name}: transcribed audio of zero length")


def _likelihoods(
    recogniser: OutsideRecogniser, speech: Sequence[Utterance], texts: Sequence[Utterance]
) -> list[float]:
    found = []
    for u, other in zip(speech, texts, strict=True):
        first, again = (
            recogniser.log_likelihood(u.samples, SAMPLE_RATE, other.text) for _ in range(2)
        )
        if math.isnan(first) or first > AS_MUCH:
            raise ContractError(
                f"{recogniser.name}: log_likelihood is {first} ({u.id}): it is the logarithm of a "
                f"probability in nats, never above 0; a loss is minus that"
            )
        if not math.isfinite(first) and u is other:
            raise ContractError(
                f"{recogniser.name}: the text of {u.id} is impossible: its log_likelihood is "
                f"{first}"
            )
        _same(recogniser, "log_likelihood", u, first, again)
        found.append(first)
    return found


def _norms(recogniser: OutsideRecogniser, speech: Sequence[Utterance]) -> list[float]:
    found = []
    for u in speech:
        first, again = (recogniser.gradient_norm(u.samples, SAMPLE_RATE, u.text) for _ in range(2))
        if not math.isfinite(first) or first < 0:
            raise ContractError(f"{recogniser.name}: the gradient's norm is {first} ({u.id})")
        _same(recogniser, "gradient", u, first, again)
        found.append(first)
    return found


def _same(
    recogniser: OutsideRecogniser, what: str, u: Utterance, first: float, again: float
) -> None:
    if not math.isclose(first, again, rel_tol=AS_MUCH):
        raise ContractError(
            f"{recogniser.name}: {what} is {first}, then {again} for the same audio ({u.id}): "
            f"switch off dropout (model.eval())"
        )


def _says_that_it_cannot(
    recogniser: OutsideRecogniser, ability: Ability, utterance: Utterance
) -> None:
    try:
        getattr(recogniser, ability)(utterance.samples, SAMPLE_RATE, utterance.text)
    except CannotError:
        return
    raise ContractError(f"{recogniser.name}: says that it has no {ability}, and answers")
