"""How well scores rank members above the others: AUC, TPR at a fixed FPR, balanced accuracy.

These figures describe an attack; they bound no ε, and observational trials may have them.
With groups the intervals come from a bootstrap over clusters, without groups from a formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import betainc, betaincinv, expit, logit, ndtri
from scipy.stats import rankdata

from attacks.statistics.bootstrap import Weights, cluster_interval
from attacks.statistics.evidence import Trials, check_level
from targets.core.estimate import Estimate

Interval = tuple[float, float]


@dataclass(frozen=True)
class _Roc:
    """Weights at or above each distinct score, from "nobody" to "everybody": shape (B, D + 1)."""

    true_positive: Weights
    false_positive: Weights


RocStatistic = Callable[[_Roc], npt.NDArray[np.float64]]


def auc(trials: Trials, level: float = 0.95, rng: np.random.Generator | None = None) -> Estimate:
    """Return the probability that a member outscores another candidate, ties counted half.

    The interval is DeLong's on the logit scale; where the sides are perfectly separated that has
    no width, and Newcombe's (2006, method 5) takes its place.
    """
    check_level(level)
    value = float(_area(_roc(trials, np.ones((1, trials.size))))[0])
    if trials.in_groups is None:
        interval = _delong(trials, value, level)
        return Estimate(value, *interval, level, "DeLong on the logit scale")

    def fallback(n_in: int, n_out: int) -> Interval:
        return _newcombe(value, n_in, n_out, level)

    return _clustered(trials, value, _area, level, rng, fallback)


def tpr_at_fpr(
    trials: Trials,
    fpr: float = 0.01,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> Estimate:
    """Return the share of members above a threshold that at most `fpr` of the others exceed.

    Without groups the interval is exact and therefore wide: it allows for the threshold, which is
    itself an estimate (limits of an order statistic), as well as for the members counted
    above it; below about 4.4 / fpr held-out candidates (at 95 %) its lower end is 0. Fewer than
    1 / fpr cannot resolve the threshold at all: unscored.

    Raises:
        ValueError: unless 0 < fpr < 1.
    """
    check_level(level)
    if not 0.0 < fpr < 1.0:
        raise ValueError(f"fpr is {fpr}; it must lie strictly between 0 and 1")
    needed = math.ceil(1 / fpr - 1e-9)
    if trials.n_out < needed:
        return Estimate.unscored(
            f"a false positive rate of {fpr:g} needs {needed} held-out candidates, "
            f"there are {trials.n_out}"
        )

    def statistic(roc: _Roc) -> npt.NDArray[np.float64]:
        allowed = fpr * roc.false_positive[:, -1:] * (1 + 1e-9)
        # Never none: the first column has no false positives.
        last = np.sum(roc.false_positive <= allowed, axis=1) - 1
        hits = _divide(roc.true_positive[np.arange(len(last)), last], roc.true_positive[:, -1])
        # A resample without held-out candidates has no threshold, and no rate either.
        return np.where(roc.false_positive[:, -1] > 0, hits, np.nan)

    value = float(statistic(_roc(trials, np.ones((1, trials.size))))[0])
    if trials.in_groups is None:
        interval = _order_statistic_interval(trials, fpr, level)
        method = f"TPR at FPR {fpr:g}, exact in threshold and count"
        return Estimate(value, *interval, level, method)

    def fallback(n_in: int, _: int) -> Interval:
        return _binomial(value * n_in, n_in, level)

    return _clustered(trials, value, statistic, level, rng, fallback)


def balanced_accuracy(
    trials: Trials, level: float = 0.95, rng: np.random.Generator | None = None
) -> Estimate:
    """Return the mean of both sides' accuracies when the upper half is called members.

    The threshold is the median of all scores, which looks at no coin; the best threshold in
    hindsight would report an accuracy above 1/2 for noise. Without groups the interval combines
    two Wilson intervals (MOVER).
    """
    check_level(level)
    roc = _roc(trials, np.ones((1, trials.size)))
    value = float(_median_accuracy(roc)[0])
    if trials.in_groups is None:
        right_in, right_out = _median_rates(roc)
        interval = _mover(
            (float(right_in[0]), trials.n_in), (float(right_out[0]), trials.n_out), level
        )
        return Estimate(value, *interval, level, "median threshold, MOVER-Wilson")

    def fallback(n_in: int, n_out: int) -> Interval:
        return _mover((value, n_in), (value, n_out), level)

    return _clustered(trials, value, _median_accuracy, level, rng, fallback)


def _clustered(
    trials: Trials,
    value: float,
    statistic: RocStatistic,
    level: float,
    rng: np.random.Generator | None,
    fallback: Callable[[int, int], Interval],
) -> Estimate:
    """Return the estimate with its bootstrap interval over clusters.

    Where resampling shows no spread (every resample separates perfectly), the formula for
    independent trials is used with each side's number of clusters as its number of trials.
    """
    assert trials.in_groups is not None
    assert trials.out_groups is not None
    groups = np.concatenate([trials.in_groups, trials.out_groups])
    clusters = len(np.unique(groups))
    if clusters < 2:
        return Estimate(value, 0.0, 1.0, level, "one cluster: nothing to resample")
    sides = _roc_of(trials)
    interval = cluster_interval(
        lambda weights: statistic(sides(weights)),
        groups,
        level,
        rng if rng is not None else np.random.default_rng(0),
    )
    if interval is None:
        n_in, n_out = len(np.unique(trials.in_groups)), len(np.unique(trials.out_groups))
        interval = fallback(n_in, n_out)
        return Estimate(value, *interval, level, f"no spread over {clusters} clusters: exact")
    return Estimate(value, *interval, level, f"BCa bootstrap over {clusters} clusters")


def _roc(trials: Trials, weights: Weights) -> _Roc:
    return _roc_of(trials)(weights)


def _roc_of(trials: Trials) -> Callable[[Weights], _Roc]:
    """Return a function from weights (B, N), members first, to the weighted ROC."""
    scores = np.concatenate([trials.in_scores, trials.out_scores])
    order = np.argsort(-scores, kind="stable")
    member = order < trials.n_in
    descending = scores[order]
    # The last position of every run of equal scores: no threshold falls inside a tie.
    ends = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))

    places = None if len(ends) == len(order) else np.append(0, ends + 1)

    def roc(weights: Weights) -> _Roc:
        ordered = weights[:, order]
        everyone, members = _cumulative(ordered), _cumulative(ordered * member)
        if places is not None:
            everyone, members = everyone[:, places], members[:, places]
        # Weights are counts, so that this is exact.
        return _Roc(members, everyone - members)

    return roc


def _cumulative(weights: Weights) -> Weights:
    """Return the sums (B, N + 1) of the first 0, 1 ... N of weights (B, N)."""
    sums = np.zeros((len(weights), weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def _area(roc: _Roc) -> npt.NDArray[np.float64]:
    heights = roc.true_positive[:, 1:] + roc.true_positive[:, :-1]
    area = np.sum(np.diff(roc.false_positive, axis=1) * heights, axis=1) / 2
    return _divide(area, roc.true_positive[:, -1] * roc.false_positive[:, -1])


def _divide(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> Weights:
    """Divide, with NaN where a resample left one side empty."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _median_rates(roc: _Roc) -> tuple[Weights, Weights]:
    called = roc.true_positive + roc.false_positive
    nearest = np.argmin(np.abs(called - called[:, -1:] / 2), axis=1)
    rows = np.arange(len(nearest))
    hits = _divide(roc.true_positive[rows, nearest], roc.true_positive[:, -1])
    alarms = _divide(roc.false_positive[rows, nearest], roc.false_positive[:, -1])
    return hits, 1.0 - alarms


def _median_accuracy(roc: _Roc) -> npt.NDArray[np.float64]:
    right_in, right_out = _median_rates(roc)
    return (right_in + right_out) / 2


def _delong(trials: Trials, value: float, level: float) -> Interval:
    """Return DeLong's interval, its variance carried to the logit scale to stay inside (0, 1)."""
    everyone = rankdata(np.concatenate([trials.in_scores, trials.out_scores]))
    above_others = (everyone[: trials.n_in] - rankdata(trials.in_scores)) / trials.n_out
    above_members = (everyone[trials.n_in :] - rankdata(trials.out_scores)) / trials.n_in
    variance = 0.0
    if min(trials.n_in, trials.n_out) > 1:
        variance = float(
            above_others.var(ddof=1) / trials.n_in + above_members.var(ddof=1) / trials.n_out
        )
    if variance == 0.0 or not 0.0 < value < 1.0:
        return _newcombe(value, trials.n_in, trials.n_out, level)
    half = float(ndtri((1 + level) / 2)) * math.sqrt(variance) / (value * (1 - value))
    centre = float(logit(value))
    return float(expit(centre - half)), float(expit(centre + half))


def _newcombe(value: float, n_in: int, n_out: int, level: float) -> Interval:
    """Return Newcombe's interval: the AUCs whose own standard error makes `value` plausible."""
    z = float(ndtri((1 + level) / 2))
    spare = (n_in + n_out) / 2 - 1

    def excess(truth: float) -> float:
        shape = (1 - truth) / (2 - truth) + truth / (1 + truth)
        variance = truth * (1 - truth) / (n_in * n_out) * (1 + spare * shape)
        return abs(value - truth) - z * math.sqrt(max(variance, 0.0))

    inside = min(max(value, 1e-12), 1 - 1e-12)
    low = 0.0 if value <= 0.0 else float(brentq(excess, 0.0, inside))
    high = 1.0 if value >= 1.0 else float(brentq(excess, inside, 1.0))
    return low, high


@lru_cache(maxsize=1_000)
def _threshold_ranks(n_out: int, fpr: float, tail: float) -> tuple[int | None, int | None]:
    """Return held-out ranks (0 = largest) whose scores bracket the true threshold, each at `tail`.

    P[score > (j+1)-th largest] follows Beta(j + 1, n - j) whatever the scores' distribution.
    """
    j = np.arange(n_out)
    below = betainc(j + 1, n_out - j, fpr)  # P[the rate at rank j is at most fpr]; falls with j
    strict, loose = np.flatnonzero(below >= 1 - tail), np.flatnonzero(below <= tail)
    return (
        int(strict[-1]) if strict.size else None,
        int(loose[0]) if loose.size else None,
    )


def _order_statistic_interval(trials: Trials, fpr: float, level: float) -> Interval:
    # Four one-sided errors: the threshold and the count, below and above.
    tail = (1 - level) / 4
    descending = np.sort(trials.out_scores)[::-1]
    strict, loose = _threshold_ranks(trials.n_out, fpr, tail)
    low, high = 0.0, 1.0
    if strict is not None:
        hits = int(np.sum(trials.in_scores > descending[strict]))
        low = _binomial(hits, trials.n_in, 1 - 2 * tail)[0]
    if loose is not None:
        hits = int(np.sum(trials.in_scores >= descending[loose]))
        high = _binomial(hits, trials.n_in, 1 - 2 * tail)[1]
    return low, high


def _binomial(successes: float, trials: int, level: float) -> Interval:
    """Return the two-sided Clopper-Pearson interval."""
    tail = (1 - level) / 2
    low = 0.0 if successes <= 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = (
        1.0
        if successes >= trials
        else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    )
    return low, high


def _mover(first: tuple[float, int], second: tuple[float, int], level: float) -> Interval:
    """Return the interval of the mean of two independent rates, each given with its count."""
    (p, p_low, p_high), (q, q_low, q_high) = (
        (rate, *_wilson(rate, count, level)) for rate, count in (first, second)
    )
    centre = (p + q) / 2
    return (
        centre - math.hypot(p - p_low, q - q_low) / 2,
        centre + math.hypot(p_high - p, q_high - q) / 2,
    )


def _wilson(rate: float, count: int, level: float) -> Interval:
    z = float(ndtri((1 + level) / 2))
    centre = (rate + z * z / (2 * count)) / (1 + z * z / count)
    half = (
        z / (1 + z * z / count) * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    )
    # Rounding may put an end a hair past the rate itself.
    return min(centre - half, rate), max(centre + half, rate)
