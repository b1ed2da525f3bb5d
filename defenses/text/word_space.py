"""A space of public words in which every place is as dense, and texts as paths through it.

A text is a row of words, and its latent is the row of their places. Noise then moves each word, and
the nearest word takes its place. In a plain space of words the same noise turns a word of many
neighbours into another, and leaves a lonely one as it is. Noise that follows the density around
the private word would mend that, and break the promise: its loudness would tell the word. So the
*space* follows the density, and the noise is the same for all: distances are divided by how far the
neighbours of both words are. That is public, as the words are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from defenses.text.mechanism import NORMS, RADIUS, Noise
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

NEIGHBOURS = 5  # how far away the fifth is says how dense it is around a word
WINDOW = 2  # words to either side that a word is said together with
MOST_WORDS = 5_000  # all pairs of them are held at once: 200 MB a table
NOTHING = ""  # the word behind the end of a text

Values = NDArray[np.float64]


class WordSpace:
    """A codec whose latent is a place of `entries` numbers for each word, `longest` words a text.

    The latent of a whole text is within the ball of the mechanism, whatever its words are. A text
    is cut to the longest public one; behind its end there is a word for nothing, so that its length
    is hidden as its words are. A word that is not public stands in the middle.

    Raises:
        OverheardError: there are more than `MOST_WORDS` words.
    """

    def __init__(self, texts: Sequence[str], noise: Noise, entries: int) -> None:
        self.longest = max(len(text.split()) for text in texts)
        rows = [self._row(text) for text in texts]
        self._words = sorted({word for row in rows for word in row})
        if len(self._words) > MOST_WORDS:
            raise OverheardError(
                f"the public transcripts have {len(self._words)} different words; a space of words "
                f"has at most {MOST_WORDS}: give fewer transcripts"
            )
        vectors = np.hstack([said_together(rows, self._words), spelled(self._words)])
        places = even_places(vectors, entries)
        self._places = torch.tensor(places * self._scale(places, noise))
        self._labels = {word: label for label, word in enumerate(self._words)}

    @property
    def places(self) -> Tensor:
        """The places (V, n) of all words."""
        return self._places

    def encoded(self, texts: Sequence[str]) -> Tensor:
        """See `Codec`."""
        latents = self._places.new_zeros(len(texts), self.longest, self._places.shape[1])
        for latent, text in zip(latents, texts, strict=True):
            for spot, word in enumerate(self._row(text)):
                if word in self._labels:
                    latent[spot] = self._places[self._labels[word]]
        return latents.flatten(1)

    def decoded(self, latents: Tensor, rng: Randomness) -> list[str]:
        """Return the words whose places are nearest, as `Codec` says; nothing is drawn."""
        del rng
        seen = latents.double().reshape(-1, self._places.shape[1])
        nearest = torch.cdist(seen, self._places).argmin(1).reshape(-1, self.longest)
        return [
            " ".join(filter(None, (self._words[label] for label in row)))
            for row in nearest.tolist()
        ]

    def _row(self, text: str) -> list[str]:
        words = text.split()[: self.longest]
        return words + [NOTHING] * (self.longest - len(words))

    def _scale(self, places: Values, noise: Noise) -> float:
        """Return what brings every row of words into the ball: all as far out as the farthest."""
        order = NORMS[noise]
        farthest = float(np.linalg.norm(places, ord=order, axis=1).max())
        return RADIUS / (max(farthest, 1e-9) * self.longest ** (1 / order))


def said_together(rows: Sequence[Sequence[str]], words: Sequence[str]) -> Values:
    """Return a vector (V, V) for each word: with which others it is said, more than by chance.

    Positive pointwise mutual information of words at most `WINDOW` apart, each row to length one.
    """
    labels = {word: label for label, word in enumerate(words)}
    counts = np.zeros((len(words), len(words)))
    for row in rows:
        for spot, word in enumerate(row):
            for other in row[spot + 1 : spot + 1 + WINDOW]:
                counts[labels[word], labels[other]] += 1
                counts[labels[other], labels[word]] += 1
    total = max(counts.sum(), 1.0)
    alone = counts.sum(1) / total
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(counts / total / np.outer(alone, alone))
    positive = np.where(counts > 0, np.maximum(information, 0.0), 0.0)
    norms = np.linalg.norm(positive, axis=1, keepdims=True)
    unit: Values = positive / np.maximum(norms, 1e-12)
    return unit


def spelled(words: Sequence[str]) -> Values:
    """Return a vector (V, P) for each word: its pairs of neighbouring letters, its ends included.

    Words that are said alike, such as names, are told apart by it; each row has length one.
    """
    pairs = [[*zip(f"<{word}", f"{word}>", strict=True)] for word in words]
    columns = {
        pair: column for column, pair in enumerate(sorted({p for row in pairs for p in row}))
    }
    counts = np.zeros((len(words), len(columns)))
    for row, found in zip(counts, pairs, strict=True):
        for pair in found:
            row[columns[pair]] += 1
    unit: Values = counts / np.linalg.norm(counts, axis=1, keepdims=True)
    return unit


def even_places(vectors: Values, entries: int) -> Values:
    """Return places (V, n) whose distances are those of vectors (V, D), over the local distances.

    d(a, b) / √(s(a) s(b)), where s is the distance to the `NEIGHBOURS`-th nearest (Zelnik-Manor and
    Perona 2004), as well as n dimensions can have it (classical scaling).
    """
    all_vectors = torch.tensor(vectors)
    apart = torch.cdist(all_vectors, all_vectors).numpy()
    neighbour = min(NEIGHBOURS, len(vectors) - 1)
    local = np.maximum(np.sort(apart, axis=1)[:, neighbour], 1e-3)
    squares = apart**2 / np.outer(local, local)
    centred = squares - squares.mean(0) - squares.mean(1)[:, None] + squares.mean()
    values, axes = np.linalg.eigh(-centred / 2)
    kept = min(entries, len(values))
    spread = np.sqrt(np.maximum(values[::-1][:kept], 0.0))
    places = np.zeros((len(vectors), entries))
    places[:, :kept] = axes[:, ::-1][:, :kept] * spread
    return places
