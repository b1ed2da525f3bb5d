"""Beam search over texts that are written a unit at a time, and what every search returns."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from targets.speech.tokens import BLANK

END = BLANK  # a decoder writes no blank: its number ends a sentence, as it starts one
NEVER = -math.inf

Hypothesis = tuple[tuple[int, ...], float]  # units and log-probability


def logaddexp(a: float, b: float) -> float:
    """Return log(exp(a) + exp(b))."""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


class Writer(Protocol):
    """Something that writes up to W texts for each of B utterances, a unit at a time."""

    def totals(self) -> Tensor:
        """Return (B, W, V): log-probabilities of every text with every unit added.

        With END added, of the text itself; with another unit, at least that of any text which
        begins so.
        """
        ...

    def advance(self, parents: Tensor, units: Tensor) -> None:
        """Replace the texts by those of `parents` (B, W'), each with one of `units` added."""
        ...


def search(writer: Writer, longest: Tensor, width: int) -> list[list[Hypothesis]]:
    """Return up to `width` texts for each utterance, best first, by beam search.

    A text of utterance b has at most `longest[b]` (B,) units. With a width of one this is the
    best unit at every step. Utterances do not touch each other.
    """
    texts: list[list[tuple[int, ...]]] = [[()] for _ in range(len(longest))]
    ended: list[list[Hypothesis]] = [[] for _ in range(len(longest))]
    live = torch.ones(len(longest), 1, dtype=torch.bool, device=longest.device)
    for length in range(int(longest.max()) + 1):
        totals = writer.totals().masked_fill(~live[..., None], NEVER)
        totals[longest <= length, :, END + 1 :] = NEVER
        V = totals.shape[2]
        best, where = totals.flatten(1).topk(min(width, totals.shape[1] * V))
        parents, units = where // V, where % V
        live = (units != END) & (best > NEVER)
        # All rows at once: copies from an accelerator are dear, whatever their size.
        rows = zip(parents.tolist(), units.tolist(), best.tolist(), strict=True)
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
        writer.advance(parents, units)
    return ended
