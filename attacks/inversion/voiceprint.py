"""Who speaks: a small speaker embedding, learnt on public voices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

LOUD = 0.6  # share of the frames, the loudest, that are taken for speech
DIMENSIONS = 40  # at most: more separate noise from noise
SHRINKAGE = 0.1  # of the spread within voices, added to its diagonal: public voices are few

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Voiceprint:
    """Statistics of log-mel frames, projected to where public voices differ most.

    Of the loud frames the mean spectrum, less its level, and the standard deviation of every band;
    of these 2 M numbers the linear discriminants (Fisher) of the public speakers. Embeddings have
    length one: their product is the likeness of two voices.
    """

    centre: Array  # (2 M,)
    axes: Array  # (2 M, D)

    @classmethod
    def learn(cls, spectrograms: Sequence[Array], speakers: Sequence[str]) -> Voiceprint:
        """Learn from log-mel spectrograms (T, M) of at least two speakers.

        Raises:
            ValueError: there are fewer than two speakers.
        """
        names, index = np.unique(np.array(speakers), return_inverse=True)
        if len(names) < 2:
            raise ValueError("a voiceprint is learnt from two speakers or more")
        x = np.stack([statistics(s) for s in spectrograms])
        means = np.stack([x[index == n].mean(0) for n in range(len(names))])
        inside = np.cov((x - means[index]).T)
        # The last term keeps the matrix invertible where a band never moves.
        inside += np.diag(SHRINKAGE * np.diag(inside) + 1e-6)
        _, axes = eigh(np.cov(means.T), inside)
        return cls(x.mean(0), axes[:, ::-1][:, :DIMENSIONS])

    def embed(self, spectrograms: Sequence[Array]) -> Array:
        """Return the embeddings (N, D) of log-mel spectrograms (T, M)."""
        if not spectrograms:
            return np.zeros((0, self.axes.shape[1]))
        return unit((np.stack([statistics(s) for s in spectrograms]) - self.centre) @ self.axes)


def statistics(spectrogram: Array) -> Array:
    """Return the mean, less its level, and the deviation (2 M,) of the loud frames of (T, M)."""
    level = spectrogram.mean(1)
    loud = spectrogram[level >= np.quantile(level, 1 - LOUD)]
    mean = loud.mean(0)
    return np.concatenate([mean - mean.mean(), loud.std(0)])


def unit(x: Array) -> Array:
    """Return rows (N, D) at length one."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def errors_at_equal_rates(embeddings: Array, speakers: Sequence[str]) -> Array:
    """Return each recording's own error rate (N,) where misses are as frequent as false alarms.

    Every pair of recordings is a trial. The mean of the result is the equal error rate; NaN for
    recordings without a trial of either kind.
    """
    names = np.array(speakers)
    same = names[:, None] == names
    other = ~same
    np.fill_diagonal(same, False)
    if not same.any() or not other.any():
        return np.full(len(names), np.nan)
    likeness = embeddings @ embeddings.T
    steps = np.sort(likeness[same | other])
    misses = np.searchsorted(np.sort(likeness[same]), steps) / same.sum()
    alarms = 1 - np.searchsorted(np.sort(likeness[other]), steps) / other.sum()
    threshold = steps[np.abs(misses - alarms).argmin()]
    with np.errstate(invalid="ignore"):  # who has no such trial has 0 / 0, and says nothing
        missed = (same & (likeness < threshold)).sum(1) / same.sum(1)
        alarmed = (other & (likeness >= threshold)).sum(1) / other.sum(1)
    return (missed + alarmed) / 2
