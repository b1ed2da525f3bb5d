"""Means of per-candidate quantities, with intervals."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

from targets.core.estimate import Estimate


def mean(values: npt.ArrayLike, level: float = 0.95, ceiling: float | None = None) -> Estimate:
    """Return the mean of values (N,) with Student's t interval; unscored for fewer than two.

    `ceiling` is the largest value that any of them can take; it goes with the estimate.
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2:
        return Estimate.unscored(f"{len(sample)} candidates: a mean with an interval needs two")
    error = float(stats.sem(sample))
    half = float(stats.t.ppf((1 + level) / 2, len(sample) - 1)) * error
    value = float(sample.mean())
    method = f"Student's t, n={len(sample)}"
    return Estimate(value, value - half, value + half, level, method, ceiling)


def mean_difference(inside: npt.ArrayLike, outside: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Return mean(inside) - mean(outside) with Welch's t interval; both need two values."""
    a, b = np.asarray(inside, dtype=np.float64), np.asarray(outside, dtype=np.float64)
    if min(len(a), len(b)) < 2:
        return Estimate.unscored(f"{len(a)} and {len(b)} candidates: two of each are needed")
    value = float(a.mean() - b.mean())
    method = f"Welch's t, n={len(a)}+{len(b)}"
    # Constants by their range: the variance of 0.1, 0.1, 0.1 is not zero in floating point.
    of_a, of_b = (0.0 if np.ptp(x) == 0 else float(x.var(ddof=1)) / len(x) for x in (a, b))
    if of_a + of_b == 0:
        return Estimate(value, value, value, level, method)
    share = of_a / (of_a + of_b)
    freedom = 1 / (share**2 / (len(a) - 1) + (1 - share) ** 2 / (len(b) - 1))
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * math.sqrt(of_a + of_b)
    return Estimate(value, value - half, value + half, level, method)
