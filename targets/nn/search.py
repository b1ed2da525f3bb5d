"""Beam search over texts that are written a label at a time, and what every search returns."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from targets.speech.tokens import BLANK

END = BLANK  # a decoder writes no blank: its number ends a sentence, as it starts one
NEVER = -math.inf

Hypothesis = tuple[tuple[int, ...], float]  # labels and log-probability


def logaddexp(a: float, b: float) -> float:
    """Return log(exp(a) + exp(b))."""
    low, high = (a, b) if a < b else (b, a)  # faster than max and min: a search asks a lot
    return high if low == NEVER else high + math.log1p(math.exp(low - high))


class Writer(Protocol):
    """Something that writes up to W texts for each of B utterances, a label at a time."""

    def totals(self) -> Tensor:
        """Return (B, W, V): log-probabilities of every text with every label added.

        With END added, of the text itself; with another label, at least that of any text which
        begins so.
        """
        ...

    def advance(self, parents: Tensor, labels: Tensor) -> None:
        """Replace the texts by those of `parents` (B, W'), each with one of `labels` added."""
        ...


def search(writer: Writer, longest: Tensor, width: int) -> list[list[Hypothesis]]:
    """Return up to `width` texts for each utterance, best first, by beam search.

    A text of utterance b has at most `longest[b]` (B,) labels. With a width of one this is the
    best label at every step. Utterances do not touch each other.
    """
    texts: list[list[tuple[int, ...]]] = [[()] for _ in range(len(longest))]
    ended: list[list[Hypothesis]] = [[] for _ in range(len(longest))]
    live = torch.ones(len(longest), 1, dtype=torch.bool, device=longest.device)
    for length in range(int(longest.max()) + 1):
        totals = writer.totals().masked_fill(~live[..., None], NEVER)
        totals[longest <= length, :, END + 1 :] = NEVER
        V = totals.shape[2]
        best, where = totals.flatten(1).topk(min(width, totals.shape[1] * V))
        parents, labels = where // V, where % V
        live = (labels != END) & (best > NEVER)
        # All rows at once: copies from an accelerator are dear, whatever their size.
        rows = zip(parents.tolist(), labels.tolist(), best.tolist(), strict=True)
        for b, (pool, row) in enumerate(zip(ended, rows, strict=True)):
            chosen = list(zip(*row, strict=True))
            pool += [(texts[b][p], s) for p, u, s in chosen if u == END and s > NEVER]
            pool.sort(key=lambda hypothesis: -hypothesis[1])
            del pool[width:]
            texts[b] = [(*texts[b][p], u) for p, u, _ in chosen]
            if len(pool) == width:
                live[b] &= best[b] > pool[-1][1]  # the others can only become less probable
        if not live.any():
            break
        writer.advance(parents, labels)
    return ended
