"""Lists of words to listen for: as one batch, and drawn for training.

An entry is the labels of a word. Nothing here knows of other utterances: the list that training
draws for a transcript follows from that transcript, and from words that are nobody's. Distractors
from the rest of a batch, as is usual elsewhere, would make one example's gradient depend on
another, and DP of examples would no longer hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from targets.core.randomness import Randomness
from targets.speech.tokens import BLANK, Characters

Entry = tuple[int, ...]

SIZE = 8  # entries of a list that training draws
MOST_OWN = 3  # of these, words of the transcript
WITHOUT = 0.25  # of the lists have none: what is not listed has to be heard as before
SHORTEST = 4  # letters of a word that may be rare
POOL = 4_096  # made-up words that distractors are drawn from
# What everybody says is on no list.
COMMON = frozenset((
    "about", "after", "again", "alarm", "also", "back", "been", "before", "call", "come", "code",
    "could", "from", "give", "have", "here", "house", "into", "just", "know", "like", "list",
    "lives", "make", "many", "meet", "minutes", "more", "much", "music", "name", "need", "only",
    "open", "other", "over", "play", "please", "remind", "said", "same", "set", "should", "some",
    "street", "take", "takes", "tell", "than", "that", "their", "them", "then", "there", "these",
    "they", "thing", "this", "three", "time", "timer", "turn", "very", "wake", "want", "weather",
    "well", "were", "what", "when", "where", "which", "will", "with", "would", "your",
))  # fmt: skip
_OPENINGS = ("b", "br", "c", "ch", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "st",
             "t", "th", "v", "w", "z", "")  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "oo", "y")
_ENDINGS = ("", "", "n", "r", "s", "ck", "ll", "m", "tt", "nd")


def padded(lists: Sequence[Sequence[Entry]], device: torch.device) -> Tensor:
    """Return lists of entries as one batch (B, K, U) on a device.

    After the labels of each entry there is at least one zero; entries that a list lacks are zeros.
    """
    most = max(map(len, lists))
    longest = max((len(entry) for entries in lists for entry in entries), default=0)
    rows = np.full((len(lists), most, longest + 1), BLANK)
    for b, entries in enumerate(lists):
        for k, entry in enumerate(entries):
            rows[b, k, : len(entry)] = entry
    return torch.from_numpy(rows).to(device)


@lru_cache(maxsize=65_536)  # training asks again in every epoch
def drawn_list(labels: Entry, vocabulary: int) -> tuple[Entry, ...]:
    """Return the list of `SIZE` entries that training draws for a transcript.

    It holds up to `MOST_OWN` rare words of the transcript, a word that differs from one of them in
    one letter, and made-up ones. The same transcript has the same list, wherever it is asked for.
    """
    rng = Randomness(0).child("list", *labels).numpy()
    words = _rare_words(labels, vocabulary, rng)
    own: list[Entry] = []
    if rng.uniform() >= WITHOUT:
        own = [words[i] for i in rng.permutation(len(words))[:MOST_OWN]]
    entries = list(own)
    if words:
        near = list(words[int(rng.integers(len(words)))])
        near[int(rng.integers(len(near)))] = int(rng.integers(1, vocabulary))
        entries.append(tuple(near))
    pool = _made_up(vocabulary)
    entries += [pool[i] for i in rng.integers(len(pool), size=SIZE - len(entries))]
    return tuple(entries[i] for i in rng.permutation(SIZE))


def _rare_words(labels: Entry, vocabulary: int, rng: np.random.Generator) -> list[Entry]:
    """Return the rare words of a transcript; of labels that are no letters, a run of some."""
    characters = Characters()
    if vocabulary == characters.size:
        (space,) = characters.encode(" ")
        runs = [tuple(run) for is_space, run in groupby(labels, space.__eq__) if not is_space]
        return [
            run
            for run in dict.fromkeys(runs)
            if len(run) >= SHORTEST and characters.decode(run) not in COMMON
        ]
    if not labels:
        return []
    begin = int(rng.integers(len(labels)))
    return [labels[begin : begin + int(rng.integers(1, SHORTEST + 1))]]


@lru_cache(maxsize=8)
def _made_up(vocabulary: int) -> tuple[Entry, ...]:
    """Return the labels of words that are in no language, the same ones always."""
    rng = Randomness(0).child("distractors", vocabulary).numpy()
    characters = Characters()
    if vocabulary != characters.size:
        sizes = rng.integers(1, SHORTEST + 1, size=POOL)
        return tuple(tuple(map(int, rng.integers(1, vocabulary, size=n))) for n in sizes)
    words = []
    for syllables in rng.integers(2, 4, size=POOL):
        parts = [
            str(rng.choice(kind))
            for _ in range(syllables)
            for kind in (_OPENINGS, _VOWELS, _ENDINGS)
        ]
        words.append(tuple(characters.encode("".join(parts))))
    return tuple(words)
