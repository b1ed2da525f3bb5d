"""A lower bound on ε from one training run with many coins.

Source: Steinke, Nasr and Jagielski (2023), "Privacy Auditing with One (1) Training Run". The
auditor guesses r of m coins and gets v right; under (ε, δ)-DP

    P[V >= v] <= P[B >= v] + 2 m δ max_{1 <= i <= v} P[v > B >= v - i] / i,   B ~ Bin(r, q),

with q = 1 / (1 + e^-ε). It holds whatever the candidates do to each other inside the run, which no
estimator that treats them as independent can say.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.special import betainc, betaincinv, gammaln, xlogy

from attacks.statistics.evidence import Trials, check_delta, check_level, refusal
from attacks.statistics.guesses import (
    Share,
    count_correct,
    guess_plans,
    perfect_counts,
    plans_for,
)
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit

Correction = Literal["bonferroni", "split"]


def p_value(candidates: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """Return the largest probability of this many right guesses under (ε, δ)-DP."""
    if correct == 0:
        return 1.0
    return min(1.0, _tail(candidates, guesses, correct, epsilon, delta, _log_choose(guesses)))


def _log_choose(guesses: int) -> np.ndarray:
    k = np.arange(guesses + 1)
    return gammaln(guesses + 1) - gammaln(k + 1) - gammaln(guesses - k + 1)


def _tail(
    candidates: int,
    guesses: int,
    correct: int,
    epsilon: float,
    delta: float,
    log_choose: np.ndarray,
) -> float:
    q = 1.0 / (1.0 + math.exp(-epsilon))
    right = float(betainc(correct, guesses - correct + 1, q))
    if delta == 0.0:
        return right
    k = np.arange(correct)
    # ln(1 - q) as -ln(1 + e^ε): 1 - q itself vanishes for large ε.
    log_wrong = -float(np.logaddexp(0.0, epsilon))
    log_mass = log_choose[:correct] + xlogy(k, q) + (guesses - k) * log_wrong
    below = np.cumsum(np.exp(log_mass[::-1]))  # P[v > B >= v - i] for i = 1 ... v
    return right + 2.0 * candidates * delta * float(np.max(below / (1 + k)))


# Coverage asks for the same few counts thousands of times.
@lru_cache(maxsize=100_000)
def epsilon_from_guesses(
    candidates: int, guesses: int, correct: int, delta: float, error: float
) -> float:
    """Return the largest ε refuted at error rate `error`, or 0 where none is.

    Args:
        candidates: m, everyone with a coin, abstentions included.
        guesses: r, fixed beforehand.
        correct: v, right guesses.
        delta: δ of the guarantee.
        error: one minus the confidence.
    """
    if not 0 <= correct <= guesses <= candidates:
        raise ValueError(f"need correct <= guesses <= m, got {correct}, {guesses}, {candidates}")
    if correct == 0:
        return 0.0
    # Without δ the answer is a Clopper-Pearson limit; with δ it can only be smaller.
    q = float(betaincinv(correct, guesses - correct + 1, error))
    high = math.log(q) - math.log1p(-q)
    if high <= 0.0:
        return 0.0
    if delta == 0.0:
        return high
    log_choose = _log_choose(guesses)
    if _tail(candidates, guesses, correct, 0.0, delta, log_choose) >= error:
        return 0.0
    low = 0.0
    while high - low > 1e-6:
        middle = (low + high) / 2.0
        if _tail(candidates, guesses, correct, middle, delta, log_choose) < error:
            low = middle
        else:
            high = middle
    return low  # The refuted end: bisection must not round in the auditor's favour.


def one_run_bound(
    trials: Trials,
    *,
    delta: float,
    level: float = 0.95,
    guarantee_unit: Unit = "utterance",
    correction: Correction = "bonferroni",
    rng: np.random.Generator | None = None,
    guesses: Share | None = None,
) -> Estimate:
    """Return the one-run lower bound on ε(δ), corrected for the numbers of guesses tried.

    With `guesses`, fixed beforehand, there is nothing to correct.

    "bonferroni" divides the error among the fixed guess plans. "split" draws half of the
    candidates with `rng`, chooses the plan on them, and spends the whole error on the other half;
    it throws away half the coins, so it is the weaker choice unless the plans were many.

    Raises:
        ValueError: for a level or δ out of range, or "split" without a generator.
    """
    check_level(level)
    check_delta(delta)
    reason = refusal(trials, designs=("one_run",), guarantee_unit=guarantee_unit)
    if reason:
        return Estimate.unscored(reason)
    error = 1.0 - level
    if correction == "split":
        if rng is None:
            raise ValueError("sample splitting needs a generator")
        return _split_bound(trials, delta, level, rng)
    plans, corrected = plans_for(trials.size, guesses)
    share = error / len(plans)

    def best(counts: list[int]) -> float:
        return max(
            epsilon_from_guesses(trials.size, plan.guesses, count, delta, share)
            for plan, count in zip(plans, counts, strict=True)
        )

    value = best(count_correct(trials, plans))
    ceiling = best(perfect_counts(trials, plans))
    method = f"one run (Steinke et al. 2023), δ={delta:g}, {corrected}"
    return Estimate(value, value, math.inf, level, method, ceiling)


def _split_bound(trials: Trials, delta: float, level: float, rng: np.random.Generator) -> Estimate:
    """Choose the plan on one half of the candidates and count on the other.

    The half is drawn from all candidates at once, not from each side: a draw that looked at the
    coins would leave the second half without independent ones.
    """
    chosen = np.zeros(trials.size, dtype=bool)
    chosen[rng.permutation(trials.size)[: trials.size // 2]] = True
    first, second = _subset(trials, chosen), _subset(trials, ~chosen)
    if first is None or second is None:
        return Estimate.unscored("too few candidates to split: one half has only one side")
    error = 1.0 - level
    plans = guess_plans(first.size)
    bounds = [
        epsilon_from_guesses(first.size, plan.guesses, count, delta, error)
        for plan, count in zip(plans, count_correct(first, plans), strict=True)
    ]
    index = int(np.argmax(bounds))
    plans = guess_plans(second.size)
    plan = (plans[min(index, len(plans) - 1)],)
    value, ceiling = (
        epsilon_from_guesses(second.size, plan[0].guesses, count, delta, error)
        for count in (count_correct(second, plan)[0], perfect_counts(second, plan)[0])
    )
    method = f"one run (Steinke et al. 2023), δ={delta:g}, plan chosen on half the candidates"
    return Estimate(value, value, math.inf, level, method, ceiling)


def _subset(trials: Trials, chosen: np.ndarray) -> Trials | None:
    members = trials.in_scores[chosen[: trials.n_in]]
    others = trials.out_scores[chosen[trials.n_in :]]
    if not len(members) or not len(others):
        return None
    return Trials(members, others, trials.unit, trials.design)
