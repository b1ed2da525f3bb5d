"""How much likelier is a model's signal if it was trained on the candidate? Arrays in, arrays out.

Throughout, `signal` (N,) is the target's signal on each candidate, `references` (E, N) that of
each reference model, and `included` (E, N) says which reference was trained on which candidate.
Results are (N,), higher = "was trained on".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, polygamma
from scipy.stats import rankdata

Signal = NDArray[np.float64]
Included = NDArray[np.bool_]

LEAST_LOSS = 1e-9  # per character: keeps the logit of a perfect fit finite
LEAST_SPREAD = 1e-6
FEWEST_VARIANCES = 20  # candidates, below which nothing is learnt of how their variances differ
OFFSETS = np.linspace(0.0, 1.0, 11)  # among which RMIA's `offset` is tuned


def logit_confidence(losses: Signal) -> Signal:
    """Return ln(p / (1 - p)) of p = exp(-loss), of any shape.

    Confidences crowd at one; their logits are nearly normal (Carlini et al. 2022, section VI.A).
    """
    losses = np.maximum(losses, LEAST_LOSS)
    return -losses - np.log(-np.expm1(-losses))


def lira_online(signal: Signal, references: Signal, included: Included) -> Signal:
    """Return the log-likelihood ratio of the signal's two distributions, trained on and not.

    Means are the candidate's own (Carlini et al. 2022, arXiv 2112.03570). A handful of references
    cannot tell its variance: see `_fit`, which makes the distributions Student's.
    """
    inside, outside = _fit(references, included), _fit(references, ~included)
    gap = _typical(inside.means - outside.means)
    # The toss may leave a candidate with references of one kind alone: the other is set a typical
    # gap apart.
    mean_in, mean_out = (
        np.where(np.isnan(inside.means), outside.means + gap, inside.means),
        np.where(np.isnan(outside.means), inside.means - gap, outside.means),
    )
    factor, freedom = _moderation([inside, outside])
    likely_in, likely_out = (
        _log_density(signal, means, side.variance * factor * side.doubt, freedom)
        for means, side in ((mean_in, inside), (mean_out, outside))
    )
    return likely_in - likely_out


def lira_offline(signal: Signal, references: Signal, included: Included) -> Signal:
    """Return how many standard deviations the signal lies above references not trained on it.

    The one-sided test of Carlini et al. 2022 is a monotone function of this. A candidate that
    every reference was trained on is compared with the typical candidate.
    """
    outside = _fit(references, ~included)
    means = np.where(np.isnan(outside.means), _typical(outside.means), outside.means)
    factor, _ = _moderation([outside])
    return (signal - means) / np.sqrt(outside.variance * factor * outside.doubt)


def rmia_ratio(
    confidence: Signal, references: Signal, included: Included, offset: float | None
) -> Signal:
    """Return p(x | target) / p(x) of confidences in (0, 1] (Zarifzadeh et al. 2024, 2312.03262).

    With `offset` None, p(x) is the mean of its average over references trained on x and of that
    over the others (online). Else only the latter, p_out, is used, and
    p(x) = ((1 + offset) p_out + (1 - offset)) / 2 (offline).
    """
    mean_in, mean_out = (_fit(references, chosen).means for chosen in (included, ~included))
    mean_out = np.where(np.isnan(mean_out), _typical(mean_out), mean_out)
    if offset is None:
        mean_in = np.where(np.isnan(mean_in), _typical(mean_in), mean_in)
        prior = (mean_in + mean_out) / 2
    else:
        prior = ((1 + offset) * mean_out + (1 - offset)) / 2
    return confidence / np.maximum(prior, np.finfo(float).tiny)


def rmia(ratio: Signal, population: Signal, strictness: float = 1.0) -> Signal:
    """Return the share of the population (M,) whose ratio a candidate's exceeds `strictness` times.

    Ties count half. Without a population nothing is exceeded.
    """
    if not len(population):
        return np.zeros(len(ratio))
    ordered = np.sort(population)
    bar = ratio / strictness
    below, up_to = (np.searchsorted(ordered, bar, side) for side in ("left", "right"))
    return (below + up_to) / (2.0 * len(population))


def tuned_offset(confidences: Signal, included: Included) -> float:
    """Return the `offset` of offline RMIA that serves best where references are the targets.

    `confidences` is (E, N), E at least 2. Every reference in turn is the target of the others: its
    own toss, which the attacker knows, says how well the ratio ranks.
    """

    def quality(offset: float) -> float:
        ranks = [
            rank_accuracy(rmia_ratio(turn.signal, turn.references, turn.included, offset), heads)
            for turn, heads in in_turn(confidences, included)
        ]
        return float(np.mean(ranks))

    return float(max(OFFSETS, key=quality))


class Turn(NamedTuple):
    """One reference as the target, and the others as its references."""

    signal: Signal
    references: Signal
    included: Included


def in_turn(signals: Signal, included: Included) -> Iterator[tuple[Turn, Included]]:
    """Yield every reference of (E, N) as the target of the others, with its own toss (N,)."""
    for k in range(len(signals)):
        rest = np.arange(len(signals)) != k
        yield Turn(signals[k], signals[rest], included[rest]), included[k]


def rank_accuracy(scores: Signal, heads: Included) -> float:
    """Return the share of pairs that scores (N,) order as heads (N,) do; 1/2 without a pair."""
    inside, outside = int(heads.sum()), int((~heads).sum())
    if not inside or not outside:
        return 0.5
    above = rankdata(scores)[heads].sum() - inside * (inside + 1) / 2
    return float(above / (inside * outside))


class _Side(NamedTuple):
    """What the references of one kind say of each candidate (N,), and their pooled variance."""

    means: Signal  # NaN without any
    doubt: Signal  # by what the variance of one more signal grows, since the mean is an estimate
    squares: Signal  # of the deviations from the mean, in units of the pooled variance, summed
    freedom: Signal  # degrees of freedom of that sum
    variance: float


def _fit(references: Signal, chosen: Included) -> _Side:
    """Return what each candidate's chosen references say."""
    counts = chosen.sum(axis=0)
    sums = np.where(chosen, references, 0.0).sum(axis=0)
    means = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    deviations = np.where(chosen, references - np.nan_to_num(means), 0.0)
    squares = np.square(deviations).sum(axis=0)
    freedom = np.maximum(counts - 1, 0).astype(float)
    variance = float(squares.sum() / freedom.sum()) if freedom.any() else 1.0
    variance = max(variance, LEAST_SPREAD**2)
    doubt = 1 + 1 / np.maximum(counts, 1)
    return _Side(means, doubt, squares / variance, freedom, variance)


def _moderation(sides: Sequence[_Side]) -> tuple[Signal, Signal]:
    """Return by what (N,) to multiply the pooled variances, and the degrees of freedom (N,).

    Some candidates' signals vary far more from model to model than others': those are who a
    pooled variance accuses falsely. Each candidate's own variance is averaged with the pooled one
    (empirical Bayes: Smyth 2004, doi 10.2202/1544-6115.1027). How much the pooled one counts,
    `prior` degrees of freedom, follows from how much the candidates' variances differ: infinitely
    if no more than chance explains, and the less, the more references there are.
    """
    squares = np.sum([side.squares for side in sides], axis=0)
    freedom = np.sum([side.freedom for side in sides], axis=0)
    prior, scale = _prior(squares, freedom)
    if math.isinf(prior):
        return np.full(len(squares), scale), np.full(len(squares), math.inf)
    return (prior * scale + squares) / (prior + freedom), prior + freedom


def _prior(squares: Signal, freedom: Signal) -> tuple[float, float]:
    """Return the degrees of freedom and the variance of the prior of the candidates' variances.

    The mean and the spread of log variances are matched to those of a scaled F distribution.
    """
    known = (freedom > 0) & (squares > 0)
    if known.sum() < FEWEST_VARIANCES:
        return math.inf, 1.0
    half = freedom[known] / 2
    logs = np.log(squares[known] / freedom[known]) - digamma(half) + np.log(half)
    excess = float(logs.var(ddof=1) - polygamma(1, half).mean())
    # Trigamma falls from infinity to nothing: these limits are 0.02 and 20,000 degrees of freedom.
    if excess <= polygamma(1, 1e4):
        return math.inf, 1.0
    excess = min(excess, 1e4)
    half_prior = brentq(lambda x: float(polygamma(1, x)) - excess, 1e-2, 1e4)
    scale = math.exp(float(logs.mean()) + float(digamma(half_prior)) - math.log(half_prior))
    return 2 * half_prior, scale


def _typical(means: Signal) -> float:
    known = means[np.isfinite(means)]
    return float(np.median(known)) if len(known) else 0.0


def _log_density(values: Signal, means: Signal, variances: Signal, freedom: Signal) -> Signal:
    """Return Student's log-density but for a constant; at infinite freedom the normal one."""
    squares = np.square(values - means) / variances
    with np.errstate(invalid="ignore"):
        tails = np.where(
            np.isinf(freedom), squares / 2, (freedom + 1) / 2 * np.log1p(squares / freedom)
        )
    return -tails - np.log(variances) / 2
