"""How often a member outranks another, from below: a limit that spends little of the level.

One member and one other make a pair, and no pair shares a training run with another. So the pairs
that an attack orders rightly are a binomial number, whose rate is the attack's AUC. A guarantee
bounds that rate: under μ-GDP it is at most Φ(μ/√2), under (ε, δ)-DP at most
1 - (1 - δ)² / (1 + e^ε), the area that the trade-off curve of each leaves.

Against weak attacks this limit needs a fraction of the trials of limits on two error rates at
several thresholds, which share the level sixteen ways; a bound on the difference of means needs
a little less still, but holds for Gaussian scores alone.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaincinv, ndtri

from attacks.statistics.evidence import Trials

# Of the error, what pairs spend where a Gaussian curve turns an AUC into all there is to know, and
# where none does; thresholds, which see what only a tail shows, have the rest.
SHARE_OF_CURVE, SHARE = 0.8, 0.5


def pair_limit(trials: Trials, alpha: float) -> float:
    """Return the Clopper-Pearson lower limit of the AUC at one-sided error `alpha`.

    A sum of coins of unequal rates, as ties make of pairs, strays no further than a binomial one
    (Hoeffding 1956).
    """
    return lower_limit(*pairs_won(trials), alpha)


def pairs_won(trials: Trials) -> tuple[int, int]:
    """Return how many pairs the attack orders rightly, and of how many.

    As many as the smaller side has trials. Which trials meet is fixed, by no look at them: lists
    that come sorted must not be paired in their order. Of tied pairs every second is won.
    """
    pairs = min(trials.n_in, trials.n_out)
    # Any permutation that is independent of the scores will do, and the same one every time.
    shuffle = np.random.default_rng(pairs)
    members = shuffle.permutation(trials.in_scores)[:pairs]
    others = shuffle.permutation(trials.out_scores)[:pairs]
    tied = members == others
    return int(np.sum(members > others) + np.sum(tied[::2])), pairs


def perfect_pair_limit(trials: Trials, alpha: float) -> float:
    """Return the limit that a perfect attack would have reached."""
    pairs = min(trials.n_in, trials.n_out)
    return lower_limit(pairs, pairs, alpha)


def lower_limit(won: int, pairs: int, alpha: float) -> float:
    """Return the Clopper-Pearson lower limit of a rate."""
    return float(betaincinv(won, pairs - won + 1, alpha)) if won else 0.0


def mu_from_auc(auc: float) -> float:
    """Return the largest μ that so large an AUC refutes, never below 0."""
    return max(0.0, math.sqrt(2.0) * float(ndtri(auc)))


def epsilon_from_auc(auc: float, delta: float) -> float:
    """Return the largest ε that so large an AUC refutes at δ, never below 0."""
    return math.log(max(1.0, (1.0 - delta) ** 2 / (1.0 - auc) - 1.0))
