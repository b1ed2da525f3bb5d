"""How much likelier is a model's signal if it was trained on the candidate? Arrays in, arrays out.

Throughout, `signal` (N,) is the target's signal on each candidate, `references` (E, N) that of
each reference model, and `included` (E, N) says which reference was trained on which candidate.
Results are (N,), higher = "was trained on".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Signal = NDArray[np.float64]
Included = NDArray[np.bool_]

LEAST_LOSS = 1e-9  # per character: keeps the logit of a perfect fit finite
LEAST_SPREAD = 1e-6
OFFSETS = np.linspace(0.0, 1.0, 11)  # among which RMIA's `offset` is tuned


def logit_confidence(losses: Signal) -> Signal:
    """Return ln(p / (1 - p)) of p = exp(-loss), of any shape.

    Confidences crowd at one; their logits are nearly normal (Carlini et al. 2022, section VI.A).
    """
    losses = np.maximum(losses, LEAST_LOSS)
    return -losses - np.log(-np.expm1(-losses))


def lira_online(signal: Signal, references: Signal, included: Included) -> Signal:
    """Return the log-likelihood ratio of two normal distributions, trained on and not.

    Means are the candidate's own; variances are pooled over all candidates, because a handful of
    references cannot tell them apart (Carlini et al. 2022, arXiv 2112.03570, "fixed variance").
    """
    mean_in, spread_in = _fit(references, included)
    mean_out, spread_out = _fit(references, ~included)
    gap = _typical(mean_in - mean_out)
    # The toss may leave a candidate with references of one kind alone: the other is set a typical
    # gap apart.
    mean_in, mean_out = (
        np.where(np.isnan(mean_in), mean_out + gap, mean_in),
        np.where(np.isnan(mean_out), mean_in - gap, mean_out),
    )
    return _log_normal(signal, mean_in, spread_in) - _log_normal(signal, mean_out, spread_out)


def lira_offline(signal: Signal, references: Signal, included: Included) -> Signal:
    """Return how many standard deviations the signal lies above references not trained on it.

    The one-sided test of Carlini et al. 2022 is a monotone function of this. A candidate that
    every reference was trained on is compared with the typical candidate.
    """
    mean_out, spread = _fit(references, ~included)
    mean_out = np.where(np.isnan(mean_out), _typical(mean_out), mean_out)
    return (signal - mean_out) / spread


def rmia_ratio(
    confidence: Signal, references: Signal, included: Included, offset: float | None
) -> Signal:
    """Return p(x | target) / p(x) of confidences in (0, 1] (Zarifzadeh et al. 2024, 2312.03262).

    With `offset` None, p(x) is the mean of its average over references trained on x and of that
    over the others (online). Else only the latter, p_out, is used, and
    p(x) = ((1 + offset) p_out + (1 - offset)) / 2 (offline).
    """
    mean_in, _ = _fit(references, included)
    mean_out, _ = _fit(references, ~included)
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


def _fit(references: Signal, chosen: Included) -> tuple[Signal, float]:
    """Return each candidate's mean over its chosen references, NaN without any, and one spread."""
    counts = chosen.sum(axis=0)
    sums = np.where(chosen, references, 0.0).sum(axis=0)
    means = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    deviations = np.where(chosen, references - np.nan_to_num(means), 0.0)
    freedom = int(np.maximum(counts - 1, 0).sum())
    variance = float(np.square(deviations).sum()) / freedom if freedom else 1.0
    return means, max(math.sqrt(variance), LEAST_SPREAD)


def _typical(means: Signal) -> float:
    known = means[np.isfinite(means)]
    return float(np.median(known)) if len(known) else 0.0


def _log_normal(values: Signal, means: Signal, spread: float) -> Signal:
    return -0.5 * np.square((values - means) / spread) - math.log(spread)
