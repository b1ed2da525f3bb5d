"""Sentences with rare names in them: what people say to a telephone or a calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance, Word
from targets.synthetic.corpus import SpeechRequest, speak
from targets.synthetic.rare.names import RareName

CARRIERS = (
    "call {}",
    "call {} again please",
    "send a message to {}",
    "where is {} now",
    "is {} at home",
    "my name is {}",
    "ask {} to come on monday",
    "tell {} and {} to come",
    "open the list for {}",
    "meet {} and {} at seven",
)
RATES = 0.85, 1.2  # times the usual rate of a voice


@dataclass(frozen=True)
class Call:
    """A sentence with names, in the voice of a number."""

    id: str
    voice: int
    carrier: str
    names: tuple[RareName, ...]


def calls(names: Sequence[RareName], voices: Sequence[int], randomness: Randomness) -> list[Call]:
    """Return sentences in which every name is said once, the voices in turn.

    Voices, carriers and names alone say what is drawn: nothing depends on how many there are.
    """
    made: list[Call] = []
    left = list(names)
    while left:
        rng = randomness.child(len(made)).numpy()
        carrier = CARRIERS[int(rng.integers(len(CARRIERS)))]
        wanted = carrier.count("{}")
        if wanted > len(left):
            carrier, wanted = CARRIERS[0], 1
        said, left = left[:wanted], left[wanted:]
        voice = voices[len(made) % len(voices)]
        made.append(Call(f"call-{voice:02d}-{len(made):05d}", voice, carrier, tuple(said)))
    return made


def say_calls(said: Sequence[Call], *, seed: int, cache: Path | None) -> list[Utterance]:
    """Return sentences as recorded speech, written down with the names as they are spelled.

    Raises:
        ValueError: two have the same id, or a voice does not exist.
        SynthesisError: speech could not be made.
    """
    requests = [
        SpeechRequest(
            id=call.id,
            speaker_index=call.voice,
            text=call.carrier.format(*(name.said for name in call.names)),
            rate_factor=float(Randomness(seed).child("rate", call.id).numpy().uniform(*RATES)),
        )
        for call in said
    ]
    spoken = speak(requests, seed=seed, cache=cache)
    return [_written(u, call) for u, call in zip(spoken, said, strict=True)]


def _written(utterance: Utterance, call: Call) -> Utterance:
    text = call.carrier.format(*(name.written for name in call.names))
    words = tuple(
        Word(word, heard.start, heard.end)
        for word, heard in zip(text.split(), utterance.words, strict=True)
    )
    return replace(utterance, text=text, words=words)
