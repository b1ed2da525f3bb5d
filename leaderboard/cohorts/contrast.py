"""Differences between groups of different speakers, with their errors and their p-values.

Arrays and numbers only. The groups share no speaker, so that nothing cancels out between them; the
seeds they do share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.figures.intervals import LEVEL, Counts, student
from leaderboard.figures.ranks import clustered_error
from targets.core.estimate import Estimate

NOTHING = 1e-12  # an error below which nothing varied
NOTHING_VARIES = Estimate.unscored("nothing varies between the speakers of a side")


@dataclass(frozen=True)
class Contrast:
    """A difference, its standard error, and the degrees of freedom of that.

    Where speakers of a side do not vary at all, as at an AUC of 1, the error says nothing: neither
    a test nor an interval follows from it.
    """

    value: float
    error: float
    freedom: float
    varies: bool = True

    @classmethod
    def of(
        cls, value: float, parts: Sequence[tuple[float, float]], *, varies: bool = True
    ) -> Contrast:
        """Return the contrast whose variance is a sum of parts, each with degrees of freedom.

        Those of the sum are Satterthwaite's.
        """
        total = sum(variance for variance, _ in parts)
        weighed = sum(variance**2 / freedom for variance, freedom in parts)
        freedom = total**2 / weighed if weighed else math.inf
        return cls(value, math.sqrt(total), freedom, varies)

    @property
    def p(self) -> float:
        """The two-sided p-value of no difference (Student's t); 1 where two rows are the same."""
        if not self.error:
            return 1.0
        # Here, as in `intervals`: a table has to appear at once.
        from scipy.special import stdtr

        return float(2 * stdtr(self.freedom, -abs(self.value) / self.error))

    def estimate(self, method: str) -> Estimate:
        """Return it with its interval, or why it has none."""
        if not self.varies:
            return NOTHING_VARIES
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
    the variance over seeds is added to it. Rows that err alike differ by 0, and that is certain.
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
    sides = []
    for group in (inside, outside):
        count = int(group.sum())
        sides.append((float(np.sum(influence[group] ** 2)) / (count * (count - 1)), count - 1.0))
    return _with_seeds(of_seed, sides, abs(of_seed).max() < NOTHING or _vary(sides))


@dataclass(frozen=True, eq=False)
class Area:
    """The AUC of one seed, how much each candidate moves it, and who said each candidate."""

    value: float
    influence: Mapping[str, float]
    speakers: Mapping[str, str]


def area(seeds: Sequence[Area]) -> Contrast:
    """Return the mean of an AUC over seeds; its error holds speakers and seeds.

    All seeds have the same speakers, so that more seeds do not make the mean surer of those. How
    much a candidate moves the AUC is averaged over the seeds, and added up for each speaker; the
    variance over seeds is added to the variance over speakers, which is on the safe side.
    """
    side = _over_speakers(seeds)
    return _with_seeds(np.array([a.value for a in seeds]), [side], _vary([side]))


def area_gap(inside: Sequence[Area], outside: Sequence[Area]) -> Contrast:
    """Return the mean over seeds of one AUC less another, of other speakers: see `area`."""
    sides = [_over_speakers(inside), _over_speakers(outside)]
    of_seed = np.array([a.value - b.value for a, b in zip(inside, outside, strict=True)])
    return _with_seeds(of_seed, sides, _vary(sides))


def _over_speakers(seeds: Sequence[Area]) -> tuple[float, float]:
    speakers = {c: name for one in seeds for c, name in one.speakers.items()}
    names = sorted(speakers)
    moved = np.array([[one.influence.get(c, 0.0) for c in names] for one in seeds]).mean(axis=0)
    _, clusters = np.unique([speakers[c] for c in names], return_inverse=True)
    # A handful of speakers may be alike by chance: never surer than of unrelated candidates.
    error = max(clustered_error(moved, c) for c in (clusters, np.arange(len(names))))
    return error**2, float(clusters.max())


def _vary(sides: Sequence[tuple[float, float]]) -> bool:
    return min(variance for variance, _ in sides) >= NOTHING**2


def _with_seeds(
    of_seed: NDArray[np.float64], sides: Sequence[tuple[float, float]], varies: bool
) -> Contrast:
    """Return the mean over seeds (S,), with what its sides and the seeds vary."""
    parts = list(sides)
    if len(of_seed) > 1:
        parts.append((float(of_seed.var(ddof=1)) / len(of_seed), len(of_seed) - 1.0))
    return Contrast.of(float(of_seed.mean()), parts, varies=varies)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that hold for all of them together (Holm 1979), in the order given."""
    adjusted, worst = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = worst
    return adjusted
