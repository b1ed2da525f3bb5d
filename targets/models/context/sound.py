"""How words sound, by rules of English spelling: enough to tell which names are near each other.

No dictionary and no phone head: rules of this project's own, in the manner of Soundex and its like,
but with vowels. What they get wrong, they get wrong for the listed word and for the heard one.
"""

from __future__ import annotations

import re
from functools import lru_cache

# In this order, on a word with a mark at its beginning and its end. Capitals are sounds of two
# letters: S of "ship", C of "chip", T of "thin", N of "sing".
_RULES = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"'", ""),
        (r"<(?:kn|gn|pn)", "<n"),
        (r"<wr", "<r"),
        (r"<ps", "<s"),
        (r"<x", "<z"),
        (r"(?<=[aeiou])gh(?=[t>])", ""),
        (r"<gh", "<g"),
        (r"mb>", "m>"),
        (r"([^aeiou<])e>", r"\1>"),
        (r"tch|ch", "C"),
        (r"sch|sh|(?:ti|si|ci)(?=on)", "S"),
        (r"th", "T"),
        (r"ph", "f"),
        (r"ng(?=>)", "N"),
        (r"ck|q(?:u(?=e))?|c(?=[^eiy])", "k"),
        (r"c", "s"),
        (r"g(?=[eiy])|dg", "j"),
        (r"x", "ks"),
        (r"wh", "w"),
        (r"(?<=[aeiouy])h|(?<=[bdgklmnrt])h", ""),
        (r"oo|ou|ew|ue|u", "u"),
        (r"ee|ea|ie|ei|y|i", "i"),
        (r"ai|ay|a", "a"),
        (r"oa|ow|o", "o"),
        (r"(.)\1+", r"\1"),
    )
)
_VOWELS = frozenset("aeiou")
_NEAR = tuple(map(frozenset, ("bp", "dt", "gk", "fv", "sz", "SC", "Cj", "mn", "nN", "TD", "fT",
                              "lr", "ei", "ou", "ae", "ao")))  # fmt: skip
HALF = 0.5  # what a sound counts in place of one that is near it


@lru_cache(maxsize=65_536)
def sounds(word: str) -> str:
    """Return the sounds of a word, a letter each."""
    marked = f"<{word}>"
    for pattern, sound in _RULES:
        marked = pattern.sub(sound, marked)
    return marked.strip("<>")


def _unlike(one: str, other: str) -> float:
    """Return what it costs to hear one sound as another."""
    if one == other:
        return 0.0
    return HALF if any({one, other} <= near for near in _NEAR) else 1.0


def distance(one: str, other: str) -> float:
    """Return how far apart two words sound: 0 the same, 1 nothing in common.

    It is the edit distance of their sounds, where near sounds count half, and vowels that one has
    and the other lacks do; divided by the length of the longer.
    """
    a, b = sounds(one), sounds(other)
    if not a or not b:
        return float(a != b)
    missing = [HALF if v in _VOWELS else 1.0 for v in b]
    row = [0.0]
    for cost in missing:
        row.append(row[-1] + cost)
    for sound in a:
        added = HALF if sound in _VOWELS else 1.0
        new = [row[0] + added]
        for j, there in enumerate(b):
            new.append(min(row[j] + _unlike(sound, there), row[j + 1] + added, new[j] + missing[j]))
        row = new
    return row[-1] / max(len(a), len(b))
