"""A vocabulary of rare names, made by rule: how each is written, and how it is said.

A name is two or three syllables. Each sound has a plain spelling and others, which are drawn now
and then, so that who hears a name cannot know how it is written. Whoever has it in a list can. No
name is meant to be anybody's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from targets.core.randomness import Randomness

# How eSpeak NG is told each sound, which it reads nearly alike in every place, and how a name may
# have it, the plain way first.
VOWELS: Mapping[str, tuple[str, ...]] = {
    "ah": ("a", "aa", "ah"),
    "ee": ("i", "ee", "ie"),
    "oh": ("o", "oa", "ow"),
    "oo": ("u", "oo", "ou"),
    "ay": ("ay", "ai", "ei"),
}
CONSONANTS: Mapping[str, tuple[str, ...]] = {
    "b": ("b", "bh"),
    "d": ("d", "dh"),
    "f": ("f", "ph"),
    "k": ("k", "kh", "c"),
    "l": ("l", "ll"),
    "m": ("m", "mm"),
    "n": ("n", "kn", "nn"),
    "p": ("p", "pp"),
    "r": ("r", "rh", "wr"),
    "s": ("s", "ps", "ss"),
    "t": ("t", "th", "tt"),
    "v": ("v", "vv"),
    "z": ("z", "x"),
    "j": ("j", "dj"),
    "sh": ("sh", "sch"),
    "ch": ("ch", "tch"),
}
FIRST_ALONE = ("kn", "wr", "ps")
NEVER_FIRST = ("ll", "mm", "nn", "pp", "ss", "tt", "vv", "tch")
LAST: Mapping[str, tuple[str, ...]] = {
    "": ("",),
    "n": ("n", "nn", "ne"),
    "l": ("l", "ll", "le"),
    "m": ("m", "mb"),
    "r": ("r", "rr"),
    "k": ("k", "ck", "c"),
    "t": ("t", "tt", "th"),
}
UNUSUAL = 0.2  # of all sounds, where there are other spellings
POOLS = ("teaching", "tuning", "test", "lists")


@dataclass(frozen=True)
class RareName:
    """A name, sound by sound: how it is said, and how these sounds are written."""

    sounds: tuple[str, ...]
    spellings: tuple[str, ...]

    @property
    def said(self) -> str:
        """The name as eSpeak NG, and a pronunciation lexicon, is given it."""
        return "".join(self.sounds)

    @property
    def written(self) -> str:
        """The name as a transcript and a list have it."""
        return "".join(self.spellings)

    @property
    def pool(self) -> str:
        """The one of `POOLS` that it is in: it follows from how it is said.

        So no name of one pool sounds like a name of another.
        """
        return POOLS[hashlib.sha256(self.said.encode()).digest()[0] % len(POOLS)]


def rare_names(pool: str, count: int) -> list[RareName]:
    """Return the first `count` names of a pool, always the same; no two are said alike.

    Raises:
        ValueError: there is no such pool.
    """
    if pool not in POOLS:
        raise ValueError(f"no pool {pool}: there are {', '.join(POOLS)}")
    rng = Randomness(0).child("rare names", pool).numpy()
    found: dict[str, RareName] = {}
    while len(found) < count:
        name = _drawn(rng)
        if name.pool == pool:
            found.setdefault(name.said, name)
    return list(found.values())


def near_names(name: RareName) -> list[RareName]:
    """Return the names that differ from one in their second vowel alone, written plainly there."""
    place = 3
    return [
        RareName(
            (*name.sounds[:place], vowel, *name.sounds[place + 1 :]),
            (*name.spellings[:place], VOWELS[vowel][0], *name.spellings[place + 1 :]),
        )
        for vowel in VOWELS
        if vowel != name.sounds[place]
    ]


def _drawn(rng: np.random.Generator) -> RareName:
    syllables = 2 + int(rng.uniform() < 0.3)
    kinds = [*(CONSONANTS, VOWELS) * syllables, LAST]
    sounds = [tuple(kind)[int(rng.integers(len(kind)))] for kind in kinds]
    spellings = []
    for place, (kind, sound) in enumerate(zip(kinds, sounds, strict=True)):
        left_out = NEVER_FIRST if place == 0 else FIRST_ALONE
        spellings.append(_spelled([s for s in kind[sound] if s not in left_out], rng))
    return RareName(tuple(sounds), tuple(spellings))


def _spelled(ways: Sequence[str], rng: np.random.Generator) -> str:
    plain, *others = ways
    unusual = rng.uniform() < UNUSUAL
    return others[int(rng.integers(len(others)))] if others and unusual else plain
