"""Cohorts: the speakers that share what a corpus says of them."""

from __future__ import annotations

from collections.abc import Iterable

from targets.speech.utterance import Utterance

# By which cohorts are told apart; some corpora give them.
ATTRIBUTES = ("gender", "accent", "age", "language")


def cohorts(utterances: Iterable[Utterance]) -> dict[str, dict[str, str]]:
    """Return for each speaker what is known of them, by attribute.

    What differs from one utterance of a speaker to the next is left out: a device may have several
    people.
    """
    seen: dict[str, dict[str, set[str]]] = {}
    for utterance in utterances:
        of_speaker = seen.setdefault(utterance.speaker, {})
        for name in ATTRIBUTES:
            of_speaker.setdefault(name, set()).add(utterance.attributes.get(name, ""))
    return {
        speaker: known
        for speaker, found in seen.items()
        if (
            known := {
                name: value
                for name, values in found.items()
                for value in values
                if value and len(values) == 1
            }
        )
    }
