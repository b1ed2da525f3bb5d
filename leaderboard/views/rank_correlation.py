"""Spearman's rank correlation of few cells, with an interval and an exact test beside it."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import permutations
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from targets.core.estimate import Estimate

LEVEL = 0.95
MOST_EXACT = 8  # cells of which every order is tried, 40,320 of them; of more, so many are drawn:
DRAWN = 20_000
AT_ONCE = 1_000  # orders

Values = NDArray[np.float64]


def spearman(x: Values, y: Values) -> Estimate:
    """Return Spearman's ρ of two arrays (N,) with the interval of Bonett and Wright (2000).

    Fisher's transform with standard error sqrt((1 + ρ²/2) / (N - 3)). A perfect ρ would give an
    interval of no width; it is taken a step back, by one exchange of neighbouring ranks. A
    bootstrap is no alternative for a handful of cells: its intervals are too narrow there. Raises
    ValueError for fewer than four.
    """
    n = len(x)
    if n < 4:
        raise ValueError(f"{n} values: an interval needs four")
    if len(set(x.tolist())) < 2 or len(set(y.tolist())) < 2:
        return Estimate.unscored("all values are equal")
    a, b = ranks(x), ranks(y)
    rho = min(1.0, max(-1.0, float(np.corrcoef(a, b)[0, 1])))
    most = 1 - 12 / (n * (n**2 - 1))
    inner = min(most, max(-most, rho))
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * math.sqrt((1 + inner**2 / 2) / (n - 3))
    low, high = math.tanh(math.atanh(inner) - half), math.tanh(math.atanh(inner) + half)
    method = f"Spearman, {n} cells, Bonett-Wright interval"
    return Estimate(rho, min(low, rho), max(high, rho), LEVEL, method)


def permutation_p(x: Values, y: Values) -> float:
    """Return the chance that two arrays (N,) in random order have so large a rank correlation.

    Two-sided; exact up to `MOST_EXACT` values: the share of all orders. Beyond, the share of
    `DRAWN` orders and the one seen, so that it is never too small.
    """
    x, y = ranks(x) - ranks(x).mean(), ranks(y) - ranks(y).mean()
    # A thousand orders at once: of a thousand values, all together would fill 160 MB.
    orders = _orders(len(x))
    parts = [y[orders[i : i + AT_ONCE]] @ x for i in range(0, len(orders), AT_ONCE)]
    sums = np.abs(np.concatenate(parts))
    return float(np.mean(sums >= abs(float(x @ y)) * (1 - 1e-9)))


@lru_cache(maxsize=2)
def _orders(n: int) -> NDArray[np.int32]:
    """Return orders of n values, one a row: all of them, or the one seen and `DRAWN` others.

    Of n values they are the same each time: the same cells give the same table.
    """
    seen = np.arange(n, dtype=np.int32)
    if n <= MOST_EXACT:
        return np.array(list(permutations(seen)), dtype=np.int32)
    drawn = np.random.default_rng(0).permuted(np.tile(seen, (DRAWN, 1)), axis=1)
    return np.vstack([seen, drawn])


def ranks(values: Values) -> Values:
    """Return ranks (N,) from 1; equal values share the mean of theirs."""
    below = (values[None, :] < values[:, None]).sum(axis=1)
    equal = (values[None, :] == values[:, None]).sum(axis=1)
    return below + (equal + 1) / 2
