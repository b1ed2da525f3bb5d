"""Pronunciation look-up: a word that sounds like a listed one is written as the list has it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from targets.models.context.sound import sounds


@dataclass(frozen=True)
class Lexicon:
    """The pronunciations of a list, and the words that stay whatever is listed.

    `pronunciations` are those that its user knows, as sounds of `targets.models.context.sound` or
    as another spelling: "siobhan" may be "shivawn". Of other words they follow from the spelling.
    `known` are words of the language: a known word is not a name that was misspelled.
    """

    words: Sequence[str]
    known: Collection[str] = frozenset()
    pronunciations: Mapping[str, Sequence[str]] | None = None

    @cached_property
    def _by_sound(self) -> dict[str, str]:
        found: dict[str, str] = {}
        given = self.pronunciations or {}
        for word in self.words:
            for spoken in (word, *given.get(word, ())):
                found.setdefault(sounds(spoken), word)
        return found

    def corrected(self, text: str) -> str:
        """Return a text in which words of a listed one's sound are that word."""
        return " ".join(
            word
            if word in self.known or word in self.words
            else self._by_sound.get(sounds(word), word)
            for word in text.split()
        )
