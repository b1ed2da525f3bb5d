"""Pieces: every state is in one, their frames are its own, and nothing heard is predicted."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from targets.core.randomness import Randomness
from targets.training.pieces import LONGEST, SHORTEST, cut, features_of, unheard

COUNTS = st.lists(st.integers(1, 90), min_size=1, max_size=4)


@given(counts=COUNTS, slowing=st.sampled_from([4, 8]), seed=st.integers(0, 99))
def test_pieces_cover_each_utterance_once_and_are_neither_short_nor_long(counts, slowing, seed):
    pieces = cut(counts, slowing, Randomness(seed).numpy())
    covered = [(p.row, state) for p in pieces for state in range(p.begin, p.end)]
    assert covered == [(row, state) for row, count in enumerate(counts) for state in range(count)]
    shortest, longest = SHORTEST // slowing, LONGEST // slowing
    for piece in pieces:
        assert piece.states == counts[piece.row]
        assert piece.end - piece.begin >= min(shortest, piece.states)
        assert piece.end - piece.begin < longest + shortest


@given(counts=COUNTS, offset=st.integers(-12, 12).filter(bool), seed=st.integers(0, 99))
def test_what_is_predicted_is_all_that_lies_so_far_away_and_was_not_heard(counts, offset, seed):
    pieces = cut(counts, 4, Randomness(seed).numpy())
    wanted = [
        (number, state - p.begin, p.row, state + offset)
        for number, p in enumerate(pieces)
        for state in range(p.begin, p.end)
        if 0 <= state + offset < p.states and not p.begin <= state + offset < p.end
    ]
    assert unheard(pieces, offset) == wanted


def test_the_frames_of_a_piece_are_its_own():
    utterances = [torch.arange(float(n))[:, None].expand(n, 3) for n in (203, 90)]
    pieces = cut([51, 23], 4, Randomness(0).numpy())
    frames, lengths = features_of(pieces, utterances, 4)
    for piece, found, length in zip(pieces, frames, lengths.tolist(), strict=True):
        own = utterances[piece.row][piece.begin * 4 : piece.end * 4]
        assert torch.equal(found[:length], own)
        assert not found[length:].any()
    assert sum(lengths) == 203 + 90
