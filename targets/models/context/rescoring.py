"""Phonetic rescoring: a written word gives way to a listed one that sounds like it and fits.

A forced alignment says when each word of a text was heard. There, listed words that sound alike are
scored against what was written, by the CTC outputs of those frames and by how near they sound.
Dingliwal et al. 2022, arXiv 2210.09510, align phones by a network of their own; here letters are
aligned, and sounds follow from spelling (`targets.models.context.sound`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from targets.models.context.sound import distance
from targets.models.ctc import ctc_nll
from targets.speech.tokens import BLANK, Characters

FARTHEST = 0.5  # of a listed word that may take a word's place, on the scale of `distance`


@dataclass(frozen=True)
class PhoneticRescoring:
    """Puts listed words in place of others where `nats` make up for a worse fit.

    A listed word that sounds exactly alike gets `nats` for every letter, one at `FARTHEST` nothing.
    `known` are words of the language, which stay as they are. Texts are of characters.
    """

    words: Sequence[str]
    known: Collection[str] = frozenset()
    nats: float = 1.0

    def corrected(self, text: str, log_probs: Tensor) -> str:
        """Return a text under frame log-probabilities (T, V), with listed words put in."""
        written = text.split()
        doubted = [n for n, w in enumerate(written) if w not in {*self.known, *self.words}]
        near = {
            n: found
            for n in doubted
            if (found := [w for w in self.words if distance(w, written[n]) <= FARTHEST])
        }
        if not near:
            return text
        spans = word_spans(log_probs, text)
        for n, words in near.items():
            written[n] = self._best(written[n], words, log_probs[slice(*spans[n])])
        return " ".join(written)

    def _best(self, word: str, words: Sequence[str], frames: Tensor) -> str:
        choices = [word, *words]
        labels = [Characters().encode(choice) for choice in choices]
        rows = frames.expand(len(choices), -1, -1)
        counts = torch.full((len(choices),), len(frames))
        losses = ctc_nll(rows, counts, labels).tolist()
        gains = [0.0] + [
            self.nats * len(choice) * (1 - distance(choice, word) / FARTHEST) for choice in words
        ]
        totals = [gain - loss for gain, loss in zip(gains, losses, strict=True)]
        return choices[int(np.argmax(totals))]


def word_spans(log_probs: Tensor, text: str) -> list[tuple[int, int]]:
    """Return the frames [begin, end) of each word of a text, by the best path that writes it.

    A word has all frames between the space before and the one after it, blanks among them.

    Raises:
        ValueError: the text does not fit into its frames.
    """
    labels = Characters().encode(text)
    frames = aligned(log_probs, labels)
    (space,) = Characters().encode(" ")
    borders = [frames[n] for n, label in enumerate(labels) if label == space]
    begins = [0, *(end for _, end in borders)]
    ends = [*(begin for begin, _ in borders), len(log_probs)]
    return list(zip(begins, ends, strict=True))


def aligned(log_probs: Tensor, labels: Sequence[int]) -> list[tuple[int, int]]:
    """Return the frames [begin, end) of each label on the best path through (T, V) (Viterbi).

    Raises:
        ValueError: the labels do not fit into the frames.
    """
    path = [BLANK, *(u for label in labels for u in (label, BLANK))]
    emitted = log_probs.double().cpu().numpy()[:, path]  # (T, 2U + 1)
    T, S = emitted.shape
    # Two labels that differ need no blank between them.
    skips = np.array([s > 1 and s % 2 == 1 and path[s] != path[s - 2] for s in range(S)])
    best = np.full(S, -np.inf)
    best[:2] = emitted[0, :2]
    came = np.zeros((T, S), int)
    for t in range(1, T):
        one = np.concatenate([[-np.inf], best[:-1]])
        two = np.where(skips, np.concatenate([[-np.inf, -np.inf], best])[:S], -np.inf)
        sources = np.stack([best, one, two])
        came[t] = sources.argmax(0)
        best = sources.max(0) + emitted[t]
    state = S - 1 if S == 1 or best[-1] >= best[-2] else S - 2
    if best[state] == -np.inf:
        raise ValueError(f"{len(labels)} labels do not fit into {T} frames")
    states = np.zeros(T, int)
    for t in range(T - 1, -1, -1):
        states[t] = state
        state -= came[t, state]
    found = [np.flatnonzero(states == 2 * n + 1) for n in range(len(labels))]
    return [(int(frames[0]), int(frames[-1]) + 1) for frames in found]
