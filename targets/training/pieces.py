"""Utterances cut into pieces, so that an encoder cannot have heard what it is to predict.

Most encoders here hear an utterance as a whole, in both directions. The states of a piece that is
encoded alone know nothing of what is before and after it, whatever the encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

SHORTEST, LONGEST = 40, 120  # feature frames of a piece: 0.4 to 1.2 s


@dataclass(frozen=True)
class Piece:
    """States `begin` to before `end` of utterance `row` of a batch, which has `states` of them."""

    row: int
    begin: int
    end: int
    states: int


def cut(states: Sequence[int], slowing: int, rng: np.random.Generator) -> list[Piece]:
    """Return the pieces of utterances with so many states, one every `slowing` frames.

    Lengths are uniform between `SHORTEST` and `LONGEST`; what would be left over and shorter goes
    to the last piece. An utterance of less than two pieces is one.
    """
    shortest, longest = SHORTEST // slowing, LONGEST // slowing
    pieces = []
    for row, count in enumerate(states):
        begin = 0
        while begin < count:
            end = begin + int(rng.integers(shortest, longest + 1))
            end = count if count - end < shortest else end
            pieces.append(Piece(row, begin, end, count))
            begin = end
    return pieces


def features_of(
    pieces: Sequence[Piece], features: Sequence[Tensor], slowing: int
) -> tuple[Tensor, Tensor]:
    """Return the frames (P, T, M) of pieces of utterances (T, M) each, and their counts (P,).

    They are padded with zeros.
    """
    own = [features[p.row][p.begin * slowing : p.end * slowing] for p in pieces]
    counts = torch.tensor([len(frames) for frames in own], device=own[0].device)
    return pad_sequence(own, batch_first=True), counts


def unheard(pieces: Sequence[Piece], offset: int) -> list[tuple[int, int, int, int]]:
    """Return what can be predicted `offset` states later, or where it is negative, earlier.

    Each is (piece, state within it, utterance, state within that): the latter is outside the piece.
    """
    found = []
    for number, piece in enumerate(pieces):
        # From the last states of a piece, or from its first ones, as far as the utterance goes.
        first = max(piece.begin, -offset, piece.end - offset if offset > 0 else 0)
        beyond = piece.states if offset > 0 else piece.begin
        found += [
            (number, state - piece.begin, piece.row, state + offset)
            for state in range(first, min(piece.end, beyond - offset))
        ]
    return found
