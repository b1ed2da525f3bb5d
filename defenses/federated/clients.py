"""Clients: each holds the utterances of one speaker, and nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from targets.models.recognizer import Example
from targets.speech.utterance import Utterance, unit_key


@dataclass(frozen=True, eq=False)
class Client:
    """A device and what is said to it."""

    name: str
    examples: Sequence[Example]


def clients_of(utterances: Sequence[Utterance], examples: Sequence[Example]) -> list[Client]:
    """Return the clients, by name: one for every speaker, with all the examples of theirs."""
    held: dict[str, list[Example]] = {}
    for utterance, example in zip(utterances, examples, strict=True):
        held.setdefault(unit_key(utterance, "speaker"), []).append(example)
    return [Client(name, held[name]) for name in sorted(held)]
