"""How many processes can hold recognisers at once."""

from __future__ import annotations

from collections.abc import Iterable

from leaderboard.recognisers.base import OutsideRecogniser
from leaderboard.recognisers.hf.recogniser import HfRecogniser

GIB = 2**30
APART = 1.0  # GiB of a process with none in it
COPIES = 2  # of the weights, of which one is read while the other is made


def processes_in(gib: float, recognisers: Iterable[OutsideRecogniser]) -> int:
    """Return how many processes with all of these models of `transformers` half of a memory holds.

    At least one. Others than those are taken to need nothing.
    """
    weights = sum(
        weight.numel() * weight.element_size()
        for one in recognisers
        if isinstance(one, HfRecogniser)
        for weight in one.loaded.model.parameters()
    )
    return max(1, int(gib / 2 / (APART + COPIES * weights / GIB)))
