"""Frames of CTC outputs that say what was heard, without a recogniser."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from targets.speech.tokens import Characters

TOKENS = Characters()


def labels(text: str) -> tuple[int, ...]:
    """Return the labels of a text."""
    return tuple(TOKENS.encode(text))


def heard(*alternatives: Mapping[str, float]) -> Tensor:
    """Return log-probabilities (T, V): of each letter those that may have been said.

    Each takes two frames, the second blank.
    """
    frames = torch.full((2 * len(alternatives), TOKENS.size), 1e-6, dtype=torch.float64)
    for place, shares in enumerate(alternatives):
        for letter, share in shares.items():
            frames[2 * place, labels(letter)[0]] = share
        frames[2 * place + 1, 0] = 1.0
    return (frames / frames.sum(1, keepdim=True)).log()


def sure(text: str) -> list[dict[str, float]]:
    """Return the letters of a text, each without an alternative."""
    return [{letter: 1.0} for letter in text]
