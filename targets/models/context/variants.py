"""Grapheme-to-grapheme variants: how else a listed word might be spelled by who only hears it.

A recogniser that has never read a name writes it as it sounds. So its other spellings are boosted
like the name, and where one of them is written, the name is put in its place. Le et al. 2020, arXiv
2005.09150, learn such spellings; here they follow from rules of this project's own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

# Both ways where that can be: each line are spellings of one sound.
_ALIKE = (
    ("ph", "f"), ("ck", "k"), ("c", "k"), ("qu", "kw"), ("x", "ks"), ("z", "s"), ("sch", "sh"),
    ("wh", "w"), ("y", "i"), ("ie", "y"), ("ee", "ea"), ("ee", "i"), ("oo", "u"), ("ou", "u"),
    ("ai", "ay"), ("ei", "i"), ("kn", "n"), ("wr", "r"), ("gh", "g"), ("j", "g"), ("th", "t"),
    ("mb", "m"), ("v", "w"), ("ow", "o"), ("er", "or"), ("ah", "a"), ("eh", "e"),
)  # fmt: skip
_DOUBLE = re.compile(r"([b-df-hj-np-tv-z])\1")
MOST = 32  # variants of a word
SHORTEST = 3


@lru_cache(maxsize=65_536)
def variants(word: str) -> tuple[str, ...]:
    """Return up to `MOST` other spellings of a word, those with one change first."""
    found: dict[str, None] = {}
    for spelled in (word, *_changed(word)):
        for changed in _changed(spelled):
            if changed != word and len(changed) >= SHORTEST:
                found.setdefault(changed)
            if len(found) == MOST:
                return tuple(found)
    return tuple(found)


def _changed(word: str) -> list[str]:
    """Return the spellings that one rule makes of a word, at one place."""
    pairs = [*_ALIKE, *((b, a) for a, b in _ALIKE)]
    found = [
        word[: at.start()] + there + word[at.end() :]
        for here, there in pairs
        for at in re.finditer(re.escape(here), word)
    ]
    found += [word[: at.start()] + at[1] + word[at.end() :] for at in _DOUBLE.finditer(word)]
    if word.endswith("e") and len(word) > SHORTEST:
        found.append(word[:-1])
    return found


@dataclass(frozen=True)
class Respelled:
    """A list with the variants of its words, and the way back.

    `known` are words of the language, which are no variant of anything; nor is a listed word.
    """

    words: Sequence[str]
    known: Collection[str] = frozenset()

    @cached_property
    def _listed(self) -> dict[str, str]:
        """The word that each variant stands for: of two, the one that comes first in the list."""
        found: dict[str, str] = {}
        for word in self.words:
            for variant in variants(word):
                if variant not in self.known and variant not in self.words:
                    found.setdefault(variant, word)
        return found

    @property
    def spellings(self) -> tuple[str, ...]:
        """All that is to be boosted: the words and their variants."""
        return (*self.words, *self._listed)

    def corrected(self, text: str) -> str:
        """Return a text with the listed words in place of their variants."""
        return " ".join(self._listed.get(word, word) for word in text.split())
