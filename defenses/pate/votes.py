"""Noisy votes of teachers among a public list of hypotheses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

Noise = Callable[[tuple[int, ...]], NDArray[np.float64]]  # shape to independent draws


_watched: ContextVar[list[NDArray[np.float64]] | None] = ContextVar("watched", default=None)


@contextmanager
def watching_votes() -> Iterator[list[NDArray[np.float64]]]:
    """Keep the noisy counts of every vote taken inside, for an auditor who sees the aggregator.

    They are what the accounting prices, and what is handed on to be weighed.
    """
    noisy: list[NDArray[np.float64]] = []
    token = _watched.set(noisy)
    try:
        yield noisy
    finally:
        _watched.reset(token)


def count_votes(candidates: Sequence[str], transcripts: Sequence[str]) -> NDArray[np.int64]:
    """Return the votes (K,) of teachers for K candidates: each for the nearest to what it heard.

    Nearest by edit distance in characters; of equally near ones, the first. One teacher gives one
    vote whatever it heard, which is what the accounting of votes rests on.
    """
    counts = np.zeros(len(candidates), dtype=np.int64)
    for transcript in transcripts:
        distances = [Levenshtein.distance(transcript, candidate) for candidate in candidates]
        counts[int(np.argmin(distances))] += 1
    return counts


def confident(counts: NDArray[np.int64], threshold: float, noise: Noise) -> bool:
    """Return whether the most votes for a candidate, with noise, reach the threshold."""
    return bool(counts.max() + noise(()) >= threshold)


def noisy_counts(counts: NDArray[np.int64], noise: Noise) -> NDArray[np.float64]:
    """Return the counts (K,) with independent noise on each: all that leaves the aggregator."""
    noisy = counts + noise(counts.shape)
    watched = _watched.get()
    if watched is not None:
        watched.append(noisy)
    return noisy


def evidence(noisy: NDArray[np.float64], expected: float, deviation: float) -> NDArray[np.float64]:
    """Return for each count (K,) how much likelier it is, in nats, with `expected` votes than none.

    Exact where the noise is Gaussian. Laplace noise is weighed like Gaussian noise of its
    deviation: its own ratio stops growing at `expected` votes, and tells not the most from many.
    """
    nats: NDArray[np.float64] = (noisy - expected / 2) * expected / deviation**2
    return nats
