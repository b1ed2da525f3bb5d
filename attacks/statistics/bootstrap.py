"""BCa bootstrap intervals that resample whole clusters.

Source: Efron (1987), "Better Bootstrap Confidence Intervals". Utterances of one speaker resemble
each other; resampling them one by one would make every interval too narrow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from attacks.statistics.evidence import Labels

Weights = npt.NDArray[np.float64]
Statistic = Callable[[Weights], npt.NDArray[np.float64]]

# Weights of this many replicates are held at once.
_CHUNK = 128


def cluster_interval(
    statistic: Statistic,
    groups: Labels,
    level: float,
    rng: np.random.Generator,
    replicates: int = 1_000,
) -> tuple[float, float] | None:
    """Return the BCa interval of a weighted statistic, or None where resampling says nothing.

    `statistic` maps weights of shape (B, N) to B values, NaN where it is undefined (a resample
    without members); such resamples are dropped. `groups`, shape (N,), names the clusters. None
    means fewer than two clusters, or no spread at all.
    """
    _, index = np.unique(groups, return_inverse=True)
    clusters = int(index.max()) + 1
    if clusters < 2:
        return None

    def evaluate(cluster_weights: Weights) -> npt.NDArray[np.float64]:
        values = [
            statistic(cluster_weights[start : start + _CHUNK][:, index])
            for start in range(0, len(cluster_weights), _CHUNK)
        ]
        joined = np.concatenate(values)
        return joined[np.isfinite(joined)]

    point = evaluate(np.ones((1, clusters)))
    drawn = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=replicates)
    resampled = np.sort(evaluate(drawn.astype(np.float64)))
    left_out = evaluate(1.0 - np.eye(clusters))
    if not len(point) or len(resampled) < 2 or resampled[0] == resampled[-1]:
        return None

    # Ties count half: a statistic with few values would otherwise look biased.
    below = np.mean(resampled < point[0]) + np.mean(resampled == point[0]) / 2
    edge = 1 / (2 * len(resampled))
    bias = ndtri(np.clip(below, edge, 1 - edge))
    deviations = left_out.mean() - left_out if len(left_out) else np.zeros(1)
    spread = float(np.sum(deviations**2))
    acceleration = float(np.sum(deviations**3)) / (6 * spread**1.5) if spread > 0 else 0.0
    tail = (1 - level) / 2
    shifted = bias + ndtri(np.array([tail, 1 - tail]))
    adjusted = ndtr(bias + shifted / (1 - acceleration * shifted))
    low, high = np.quantile(resampled, adjusted)
    return float(low), float(high)
