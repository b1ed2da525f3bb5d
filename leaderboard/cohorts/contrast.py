"""Differences between groups of different speakers, with their errors and their p-values.

Arrays and numbers only. The groups share no speaker, so that nothing cancels out between them; the
seeds they do share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.figures.intervals import LEVEL, Counts, student
from targets.core.estimate import Estimate


@dataclass(frozen=True)
class Contrast:
    """A difference, its standard error, and the degrees of freedom of that."""

    value: float
    error: float
    freedom: float

    @classmethod
    def of(cls, value: float, parts: Sequence[tuple[float, float]]) -> Contrast:
        """Return the contrast whose variance is a sum of parts, each with degrees of freedom.

        Those of the sum are Satterthwaite's.
        """
        total = sum(variance for variance, _ in parts)
        weighed = sum(variance**2 / freedom for variance, freedom in parts)
        return cls(value, math.sqrt(total), total**2 / weighed if weighed else math.inf)

    @property
    def p(self) -> float:
        """The two-sided p-value of no difference (Student's t); 1 where nothing varies."""
        if not self.error:
            return 1.0
        # Here, as in `intervals`: a table has to appear at once.
        from scipy.special import stdtr

        return float(2 * stdtr(self.freedom, -abs(self.value) / self.error))

    def estimate(self, method: str) -> Estimate:
        """Return it with its interval."""
        half = student(self.freedom, LEVEL) * self.error
        return Estimate(self.value, self.value - half, self.value + half, LEVEL, method)


def rate_gap(
    terms: Sequence[tuple[Counts, float]],
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
) -> Contrast:
    """Return the error rate of some speakers less that of others, summed over signed terms.

    Each term is counts (S, K, 2) of errors and words by seed and speaker, with a sign: one term is
    a gap, a second one with the sign -1 is what the gap is wider than another row's. The groups
    (K,) have at least two speakers each. The rates are linearised for the variance over speakers;
    the variance over seeds is added to it.
    """
    influence = np.zeros(len(inside))
    of_seed = np.zeros(len(terms[0][0]))
    for counts, sign in terms:
        for group, side in ((inside, sign), (outside, -sign)):
            errors, words = counts[:, group, 0], counts[:, group, 1]
            rates = errors.sum(axis=1) / words.sum(axis=1)
            beyond = (errors - rates[:, None] * words) / words.mean(axis=1, keepdims=True)
            influence[group] += side * beyond.mean(axis=0)
            of_seed += side * rates
    parts = []
    for group in (inside, outside):
        count = int(group.sum())
        parts.append((float(np.sum(influence[group] ** 2)) / (count * (count - 1)), count - 1.0))
    if len(of_seed) > 1:
        parts.append((float(of_seed.var(ddof=1)) / len(of_seed), len(of_seed) - 1.0))
    return Contrast.of(float(of_seed.mean()), parts)


def mean_of(contrasts: Sequence[Contrast]) -> Contrast:
    """Return the mean of one contrast over seeds: its own errors, and what seeds spread beyond."""
    if len(contrasts) == 1:
        return contrasts[0]
    count = len(contrasts)
    values = np.array([c.value for c in contrasts])
    own = float(np.mean([c.error**2 for c in contrasts]))
    between = max(0.0, float(values.var(ddof=1)) - own)
    freedom = sum(c.freedom for c in contrasts)
    return Contrast.of(
        float(values.mean()), [(own / count, freedom), (between / count, count - 1.0)]
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that hold for all of them together (Holm 1979), in the order given."""
    adjusted, worst = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = worst
    return adjusted
