"""Noisy votes of teachers among a public list of hypotheses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

Noise = Callable[[tuple[int, ...]], NDArray[np.float64]]  # shape to independent draws


def ballot(candidates: Sequence[str], transcripts: Sequence[str]) -> NDArray[np.int64]:
    """Return the votes (K,) of teachers for K candidates: each for the nearest to what it heard.

    Nearest by edit distance in characters; of equally near ones, the first. One teacher gives one
    vote whatever it heard, which is what the accounting of votes rests on.
    """
    counts = np.zeros(len(candidates), dtype=np.int64)
    for transcript in transcripts:
        distances = [Levenshtein.distance(transcript, candidate) for candidate in candidates]
        counts[int(np.argmin(distances))] += 1
    return counts


def noisy_winner(counts: NDArray[np.int64], noise: Noise) -> int:
    """Return the candidate with the most votes after independent noise on every count."""
    return int(np.argmax(counts + noise(counts.shape)))
