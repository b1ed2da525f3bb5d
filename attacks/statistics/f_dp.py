"""A lower bound on ε from one training run, for mechanisms with a Gaussian trade-off curve.

Source: Mahloujifar, Melis and Chaudhuri (2024), "Auditing f-Differential Privacy in One Run". It
uses the whole trade-off curve f where `one_run` uses a single (ε, δ) point of it, and so proves
more from the same guesses; it is valid only if the mechanism's curve lies above f.
"""

from __future__ import annotations

from functools import lru_cache, partial
from statistics import NormalDist

from attacks.statistics.evidence import Noise, Trials
from attacks.statistics.gdp import ProvenMu, gaussian_bound
from attacks.statistics.guesses import Share, count_correct, perfect_counts, plans_for
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit

# Search step in μ. The refuted end is returned: coarseness costs power (0.001 in ε), not truth.
_STEP = 1e-4
# No audit of fewer than billions of candidates gets near; it only stops the search.
_LARGEST_MU = 64.0


def refutes(mu: float, candidates: int, guesses: int, correct: int, error: float) -> bool:
    """Return whether so many right guesses refute μ-GDP at error rate `error`.

    `joint` and `wrong` bound, from `correct` downwards, the probability that a guess is right
    (wrong) while at least i are right; μ-GDP ties the one to the other, and too large a sum
    contradicts that each of the guesses is one candidate in m.
    """
    if correct == 0:
        return False
    # Scalars of the standard library: the recursion is sequential, and NumPy's cost per call
    # would dominate it. `inv_cdf` needs an argument inside (0, 1), which the early exits keep.
    inverse, shifted = NormalDist().inv_cdf, NormalDist(mu).cdf
    right = error * correct / candidates
    wrong = error * (guesses - correct) / candidates
    limit = guesses / candidates
    for i in range(correct - 1, -1, -1):
        if right + wrong > limit:
            return True
        # Φ(Φ^-1(x) - μ), written as the distribution function of N(μ, 1).
        least = shifted(inverse(right))
        if least > wrong:
            right += i / (guesses - i) * (least - wrong)
            wrong = least
    return right + wrong > limit


# Coverage asks for the same few counts thousands of times.
@lru_cache(maxsize=100_000)
def mu_from_guesses(candidates: int, guesses: int, correct: int, error: float) -> float:
    """Return the largest μ refuted at error rate `error`, or 0 where none is.

    Args:
        candidates: m, everyone with a coin, abstentions included.
        guesses: g, fixed beforehand.
        correct: c, right guesses.
        error: one minus the confidence.
    """
    if not 0 <= correct <= guesses <= candidates:
        raise ValueError(f"need correct <= guesses <= m, got {correct}, {guesses}, {candidates}")
    low, high = 0.0, 0.5
    while high < _LARGEST_MU and refutes(high, candidates, guesses, correct, error):
        low, high = high, 2.0 * high
    while high - low > _STEP:
        middle = (low + high) / 2.0
        if refutes(middle, candidates, guesses, correct, error):
            low = middle
        else:
            high = middle
    return low


def f_dp_bound(
    trials: Trials,
    *,
    delta: float,
    level: float = 0.95,
    guarantee_unit: Unit = "utterance",
    noise: Noise = "any",
    guesses: Share | None = None,
) -> Estimate:
    """Return the one-run f-DP lower bound on ε(δ), corrected for the numbers of guesses tried.

    With `guesses`, fixed beforehand, there is nothing to correct.
    """
    return gaussian_bound(
        trials,
        partial(_prove_mu, guesses=guesses),
        design="one_run",
        delta=delta,
        level=level,
        guarantee_unit=guarantee_unit,
        noise=noise,
    )


def _prove_mu(trials: Trials, error: float, guesses: Share | None) -> ProvenMu:
    plans, corrected = plans_for(trials.size, guesses)
    share = error / len(plans)

    def best(counts: list[int]) -> float:
        return max(
            mu_from_guesses(trials.size, plan.guesses, count, share)
            for plan, count in zip(plans, counts, strict=True)
        )

    return ProvenMu(
        best(count_correct(trials, plans)),
        best(perfect_counts(trials, plans)),
        "one run, f-DP (Mahloujifar et al. 2024)",
        corrected,
    )
