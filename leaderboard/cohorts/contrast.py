"""Differences between groups of different speakers, with their errors and their p-values.

Arrays and numbers only. The groups share no speaker, so that nothing cancels out between them; the
seeds they do share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from leaderboard.figures.intervals import LEVEL, Counts, student
from leaderboard.figures.ranks import clustered_error
from targets.core.estimate import Estimate

PERMUTATIONS = 999  # of speakers over two groups
NOTHING = 1e-12  # an error below which nothing varied
NOTHING_VARIES = Estimate.unscored("nothing varies between the speakers of a side")


@dataclass(frozen=True)
class Contrast:
    """A difference, its standard error, and the degrees of freedom of that.

    Where speakers of a side do not vary at all, as at an AUC of 1, the error says nothing: neither
    a test nor an interval follows from it. `permutation_p` is the p-value of a permutation test:
    how often groups drawn by chance are as far apart; 0 where none was made.
    """

    value: float
    error: float
    freedom: float
    varies: bool = True
    permutation_p: float = 0.0

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
        """The two-sided p-value of no difference; 1 where two rows are the same.

        Student's t, or that of the permutation test if it is larger: t alone finds too much where
        some speakers are far worse than most, or say far more.
        """
        if not self.error:
            return 1.0
        # Here, as in `intervals`: a table has to appear at once.
        from scipy.special import stdtr

        of_t = 2 * stdtr(self.freedom, -abs(self.value) / self.error)
        return max(self.permutation_p, float(of_t))

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
    a gap, a second one with the sign -1 is what the gap is wider than another row's; words are the
    same in all terms. The groups (K,) have at least two speakers each. The variance over speakers
    is that of the jackknife; the variance over seeds is added to it. Rows that err alike differ by
    0, and that is certain.
    """
    chosen = inside | outside
    cut = [(counts[:, chosen], sign) for counts, sign in terms]
    own = inside[chosen]
    of_seed, variances = _gaps(cut, own[None])
    words = cut[0][0][..., 1].mean(axis=0)
    sides = [
        (float(variance), _freedom(words[group]))
        for variance, group in zip(variances[0], (own, ~own), strict=True)
    ]
    varies = bool(abs(of_seed).max() < NOTHING or _vary(sides))
    found = _with_seeds(of_seed[0], sides, varies)
    if not varies or not found.error:
        return found
    return replace(found, permutation_p=_permutation_p(cut, own))


def _gaps(
    terms: Sequence[tuple[Counts, float]], groups: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the gaps of groups (B, K) against all others by seed (B, S), and variances (B, 2)."""
    seeds = len(terms[0][0])
    of_seed, variances = np.zeros((len(groups), seeds)), []
    for group, side in ((groups, 1.0), (~groups, -1.0)):
        moved = np.zeros(groups.shape)
        for counts, sign in terms:
            for seed, (errors, words) in enumerate(np.moveaxis(counts, -1, 1)):
                total = group @ words
                rates = group @ errors / total
                of_seed[:, seed] += side * sign * rates
                # How much the rate moves without a speaker.
                without = np.where(group, total[:, None] - words, 1.0)
                moved += sign / seeds * group * (errors - rates[:, None] * words) / without
        count = group.sum(axis=1)
        variances.append((moved**2).sum(axis=1) * (count - 1) / count)
    return of_seed, np.stack(variances, axis=1)


def _permutation_p(terms: Sequence[tuple[Counts, float]], own: NDArray[np.bool_]) -> float:
    """Return how often groups drawn by chance are as far apart, over their error.

    All ways to draw them are tried where they are few.
    """
    if math.comb(len(own), int(own.sum())) <= PERMUTATIONS:
        groups = np.zeros((math.comb(len(own), int(own.sum())), len(own)), dtype=bool)
        for row, places in zip(groups, combinations(range(len(own)), int(own.sum())), strict=True):
            row[list(places)] = True
    else:
        generator = np.random.default_rng(0)  # the same table each time
        groups = generator.permuted(np.tile(own, (PERMUTATIONS, 1)), axis=1)
        groups = np.concatenate([own[None], groups])
    far = _far(*_gaps(terms, groups))
    (seen,) = _far(*_gaps(terms, own[None]))
    return float(np.mean(far >= seen * (1 - 1e-9)))


def _far(of_seed: NDArray[np.float64], variances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return gaps over their errors (B,), without a sign; nothing over nothing is 0."""
    variance = variances.sum(axis=1)
    if of_seed.shape[1] > 1:
        variance = variance + of_seed.var(axis=1, ddof=1) / of_seed.shape[1]
    return np.abs(of_seed.mean(axis=1)) / np.sqrt(np.maximum(variance, NOTHING**2))


def _freedom(sizes: NDArray[np.float64]) -> float:
    """Return the degrees of freedom of a variance over speakers who weigh so much each.

    Satterthwaite's, of squares in proportion to the squared weights; at least 1. Of speakers who
    weigh the same it is their number less one.
    """
    return max(1.0, float(np.sum(sizes**2) ** 2 / np.sum(sizes**4)) - 1.0)


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
    sizes = np.bincount(clusters).astype(float)
    # As the jackknife does: who is a large part of all hides how far they are from the others.
    alone = np.bincount(clusters, moved) / (1 - sizes / sizes.sum())
    variance = float(np.sum(alone**2)) * (len(sizes) - 1) / len(sizes)
    # A handful of speakers may be alike by chance: never surer than of unrelated candidates.
    unrelated = clustered_error(moved, np.arange(len(names))) ** 2
    return max(variance, unrelated), _freedom(sizes)


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
