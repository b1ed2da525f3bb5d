"""Who of the members belongs to which cohort, by what the corpus says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from targets.speech.utterance import Utterance


def cohort_of(utterance: Utterance, attribute: str) -> str:
    """Return the value of an attribute of an utterance; "" where the corpus says none."""
    return utterance.attributes.get(attribute, "")


def sizes(members: Sequence[Utterance], attribute: str) -> Counter[str]:
    """Return how many members each known cohort has."""
    return Counter(value for m in members if (value := cohort_of(m, attribute)))


def smallest(members: Sequence[Utterance], attribute: str) -> str | None:
    """Return the cohort with the fewest members, the first by name of several; None without two."""
    found = sizes(members, attribute)
    return min(found, key=lambda value: (found[value], value)) if len(found) > 1 else None
