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


def of_period(clients: Sequence[Client], period: int, periods: int) -> list[Client]:
    """Return the clients with what arrived in one of so many periods, from 0: the rest is gone.

    What a device holds arrives in its order, evenly. Who has nothing of a period is not in it.
    """
    found = []
    for client in clients:
        ends = [len(client.examples) * n // periods for n in (period, period + 1)]
        held = client.examples[ends[0] : ends[1]]
        if held:
            found.append(Client(client.name, held))
    return found
