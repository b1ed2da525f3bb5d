"""A lower bound on ε from independent trials: exact limits on error rates, and on ordered pairs.

Valid for `many_runs` only. Inside one training run the trials share a model and are not
independent, and a mechanism exists that then fools this bound (see the test of `Catastrophe`);
there it refuses, and `one_run` is the bound to use.

(ε, δ)-DP forces 1 - FNR <= e^ε FPR + δ and 1 - FPR <= e^ε FNR + δ at every threshold. Upper limits
on both rates give the lower limit ε >= ln((1 - FNR - δ) / FPR), or with the rates exchanged. Pairs
of a member and another give one more (`pairs`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.special import betaincinv

from attacks.statistics import pairs
from attacks.statistics.evidence import Scores, Trials, check_delta, check_level, refusal
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit

Correction = Literal["bonferroni", "split"]

# Errors allowed on one side, as shares of its trials: each fixes a threshold. None depends on data.
ANCHORS: tuple[float, ...] = (0.0, 0.02, 0.1, 0.3)


@dataclass(frozen=True)
class Limits:
    """Simultaneous upper limits on both error rates, shape (K,) for K thresholds."""

    false_positive: Scores
    false_negative: Scores


@lru_cache(maxsize=100_000)
def upper_limit(errors: int, trials: int, alpha: float) -> float:
    """Return the Clopper-Pearson upper limit of a rate at one-sided error `alpha`."""
    if errors >= trials:
        return 1.0
    return float(betaincinv(errors + 1, trials - errors, 1.0 - alpha))


def epsilon_from_limits(limits: Limits, delta: float) -> float:
    """Return the largest ε that the limits refute at any threshold, never below 0."""
    fpr, fnr = limits.false_positive, limits.false_negative
    gains = np.concatenate([(1.0 - fnr - delta) / fpr, (1.0 - fpr - delta) / fnr])
    return float(np.log(np.maximum(gains, 1.0).max()))


def anchored_limits(trials: Trials, alpha: float) -> Limits:
    """Return limits at thresholds fixed by an allowed number of errors on one side.

    "Strictly above the (k+1)-th largest held-out score" has at most k false positives among n, and
    its false positive rate obeys the Clopper-Pearson limit of k in n although the threshold was
    read off those scores: it is the limit of an order statistic. The other side is independent of
    that threshold. So the thresholds need no held-out scores, only α divided by their number,
    and by two for the two rates.
    """
    low_first = np.sort(trials.in_scores)
    high_first = np.sort(trials.out_scores)[::-1]
    allowed_fp = _allowed(trials.n_out)
    allowed_fn = _allowed(trials.n_in)
    share = alpha / (2 * (len(allowed_fp) + len(allowed_fn)))
    fpr, fnr = [], []
    for errors in allowed_fp:
        missed = int(np.searchsorted(low_first, high_first[errors], side="right"))
        fpr.append(upper_limit(errors, trials.n_out, share))
        fnr.append(upper_limit(missed, trials.n_in, share))
    out_ascending = high_first[::-1]
    for errors in allowed_fn:
        below = int(np.searchsorted(out_ascending, low_first[errors], side="left"))
        fpr.append(upper_limit(trials.n_out - below, trials.n_out, share))
        fnr.append(upper_limit(errors, trials.n_in, share))
    return Limits(np.array(fpr), np.array(fnr))


def _allowed(trials: int) -> list[int]:
    return sorted({int(share * trials) for share in ANCHORS})


def perfect_limits(trials: Trials, alpha: float) -> Limits:
    """Return the limits a perfect attack would have reached in `anchored_limits`."""
    thresholds = len(_allowed(trials.n_out)) + len(_allowed(trials.n_in))
    return _separated(trials.n_in, trials.n_out, alpha / (2 * thresholds))


def _separated(n_in: int, n_out: int, share: float) -> Limits:
    return Limits(np.array([upper_limit(0, n_out, share)]), np.array([upper_limit(0, n_in, share)]))


def split_limits(trials: Trials, alpha: float, rng: np.random.Generator) -> tuple[Limits, Limits]:
    """Return the limits at one threshold chosen on the other half, and a perfect attack's.

    Raises:
        ValueError: where a side has fewer than two trials.
    """
    if min(trials.n_in, trials.n_out) < 2:
        raise ValueError("sample splitting needs two trials on each side")
    members = rng.permutation(trials.in_scores)
    others = rng.permutation(trials.out_scores)
    half_in, half_out = trials.n_in // 2, trials.n_out // 2
    threshold = _best_threshold(np.sort(members[:half_in]), np.sort(others[:half_out]), alpha)
    members, others = members[half_in:], others[half_out:]
    n_in, n_out = len(members), len(others)
    found = Limits(
        np.array([upper_limit(int(np.sum(others > threshold)), n_out, alpha / 2)]),
        np.array([upper_limit(int(np.sum(members <= threshold)), n_in, alpha / 2)]),
    )
    return found, _separated(n_in, n_out, alpha / 2)


def _best_threshold(members: Scores, others: Scores, alpha: float) -> float:
    """Return the cut with the highest δ-free bound on these sorted scores, each cut in the gap."""
    values = np.unique(np.concatenate([members, others]))
    # Halved before adding: the sum of two large scores may overflow.
    cuts = np.concatenate([values[:-1] / 2 + values[1:] / 2, values[-1:]])
    fp = len(others) - np.searchsorted(others, cuts, side="right")
    fn = np.searchsorted(members, cuts, side="right")
    fpr = _upper_limits(len(others), alpha / 2)[fp]
    fnr = _upper_limits(len(members), alpha / 2)[fn]
    return float(cuts[np.argmax(np.maximum((1 - fnr) / fpr, (1 - fpr) / fnr))])


@lru_cache(maxsize=16)
def _upper_limits(trials: int, alpha: float) -> Scores:
    """Return the upper limit for every possible number of errors, shape (trials + 1,)."""
    errors = np.arange(trials)
    limits = np.append(betaincinv(errors + 1, trials - errors, 1.0 - alpha), 1.0)
    limits.flags.writeable = False
    return limits


def clopper_pearson_bound(
    trials: Trials,
    *,
    delta: float,
    level: float = 0.95,
    guarantee_unit: Unit = "utterance",
    correction: Correction = "bonferroni",
    rng: np.random.Generator | None = None,
) -> Estimate:
    """Return the Clopper-Pearson lower bound on ε(δ), corrected for what is looked at.

    "bonferroni" divides the error among pairs and fixed thresholds; "split" chooses one threshold
    on half of the trials, drawn with `rng`, and spends the whole error on the other half.

    Raises:
        ValueError: for a level or δ out of range, or "split" without a generator.
    """
    check_level(level)
    check_delta(delta)
    reason = refusal(trials, designs=("many_runs",), guarantee_unit=guarantee_unit)
    if reason:
        return Estimate.unscored(reason)
    alpha = 1.0 - level
    if correction == "split":
        if rng is None:
            raise ValueError("sample splitting needs a generator")
        found, perfect = split_limits(trials, alpha, rng)
        value, ceiling = (epsilon_from_limits(limits, delta) for limits in (found, perfect))
        how = "threshold chosen on half the trials"
    else:
        of_pairs = pairs.SHARE * alpha
        found, perfect = (
            limits(trials, alpha - of_pairs) for limits in (anchored_limits, perfect_limits)
        )
        value, ceiling = (
            max(
                epsilon_from_limits(limits, delta),
                pairs.epsilon_from_auc(ordered(trials, of_pairs), delta),
            )
            for limits, ordered in (
                (found, pairs.pair_limit),
                (perfect, pairs.perfect_pair_limit),
            )
        )
        how = f"Bonferroni over pairs and {len(found.false_positive)} thresholds"
    method = f"Clopper-Pearson, δ={delta:g}, {how}"
    return Estimate(value, value, math.inf, level, method, ceiling)
