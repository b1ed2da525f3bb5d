"""From scores to guesses: which candidates a one-run auditor calls members, which it abstains on.

The numbers of guesses are fixed here, before any score is seen, and depend on the number of
candidates alone; whoever uses several of them divides the level by how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attacks.statistics.evidence import Scores, Trials

Share = float | tuple[float, float]
"""What to guess on, fixed beforehand: a share of the candidates, half of it as members and half as
not, or two shares, one of members and one of others."""

# Shares of the candidates called "member" (highest scores) and "not a member" (lowest scores).
# All of them suits coarse scores and weak attacks; smaller tails suit strong ones; the one-sided
# entry suits attacks that recognise members but have nothing to say about the others. Five is
# few enough that dividing the level by five costs little (ln 5 beside ln 20 in the exponent).
SHARES: tuple[tuple[float, float], ...] = (
    (1 / 2, 1 / 2),
    (1 / 4, 1 / 4),
    (1 / 16, 1 / 16),
    (1 / 64, 1 / 64),
    (1 / 16, 0.0),
)

# Fewer right guesses than this prove no ε > 0 at 95 % with the level divided by five.
_FEWEST = 7


@dataclass(frozen=True)
class GuessPlan:
    """How many of the highest scores to call members and how many of the lowest to call not."""

    top: int
    bottom: int

    @property
    def guesses(self) -> int:
        """Number of guesses, r."""
        return self.top + self.bottom


def guess_plans(size: int) -> tuple[GuessPlan, ...]:
    """Return the plans for `size` candidates; never empty, never dependent on the scores."""
    plans = []
    for top, bottom in SHARES:
        # The first plan guesses on everybody, also where the number of candidates is odd.
        high = int(top * size)
        low = size - high if top + bottom == 1 else int(bottom * size)
        plans.append(GuessPlan(high, low))
    return (plans[0], *(plan for plan in plans[1:] if plan.guesses >= _FEWEST))


def check_share(share: Share) -> None:
    """Raise a `ValueError` unless there is something to guess on, and nobody twice."""
    sides = share if isinstance(share, tuple) else (share / 2, share / 2)
    if min(sides) < 0.0 or not 0.0 < sum(sides) <= 1.0:
        raise ValueError(f"guesses is {share}; it is a share of the candidates, above 0")


def one_plan(size: int, share: Share) -> tuple[GuessPlan]:
    """Return the one plan that guesses on a share of `size` candidates."""
    if share == 1.0:
        return (guess_plans(size)[0],)
    sides = share if isinstance(share, tuple) else (share / 2, share / 2)
    top, bottom = (max(1, int(side * size)) if side else 0 for side in sides)
    return (GuessPlan(top, bottom),)


def plans_for(size: int, share: Share | None) -> tuple[tuple[GuessPlan, ...], str]:
    """Return the plans that share the level, and in words how it is corrected for them.

    One plan, fixed beforehand by its `share` of the candidates, has the whole level.
    """
    if share is None:
        plans = guess_plans(size)
        return plans, f"Bonferroni over {len(plans)} plans"
    (plan,) = one_plan(size, share)
    side = "" if plan.top and plan.bottom else ", all as members" if plan.top else ", all held out"
    return (plan,), f"one plan of {plan.guesses} guesses{side}"


def count_correct(trials: Trials, plans: tuple[GuessPlan, ...]) -> list[int]:
    """Return the number of right guesses under each plan.

    Candidates with equal scores stand or fall together: a plan that would cut through a run of
    ties abstains on all of them, which only lowers the count. Breaking ties by position would read
    the coins, because members come first. A plan that guesses on everybody has no one to abstain
    on: it cuts at the end of the tied run that is nearer the middle.
    """
    members = np.sort(trials.in_scores)
    others = np.sort(trials.out_scores)
    everyone = np.sort(np.concatenate([members, others]))
    return [_correct(members, others, everyone, plan) for plan in plans]


def _correct(members: Scores, others: Scores, everyone: Scores, plan: GuessPlan) -> int:
    size = len(everyone)
    if plan.guesses == size:
        cut = _nearest_edge(everyone, plan.bottom)
        if cut == size:
            return len(others)
        return int(
            len(members)
            - np.searchsorted(members, everyone[cut], side="left")
            + np.searchsorted(others, everyone[cut], side="left")
        )
    correct = 0
    if plan.top:
        # Members strictly above the highest score that is not guessed on.
        edge = everyone[size - plan.top - 1]
        correct += len(members) - int(np.searchsorted(members, edge, side="right"))
    if plan.bottom:
        edge = everyone[plan.bottom]
        correct += int(np.searchsorted(others, edge, side="left"))
    return correct


def _nearest_edge(everyone: Scores, middle: int) -> int:
    """Return the index nearest `middle` at which no tied run is cut, looking at scores only."""
    size = len(everyone)
    if middle in (0, size) or everyone[middle - 1] != everyone[middle]:
        return middle
    first = int(np.searchsorted(everyone, everyone[middle], side="left"))
    last = int(np.searchsorted(everyone, everyone[middle], side="right"))
    return first if middle - first <= last - middle else last


def perfect_counts(trials: Trials, plans: tuple[GuessPlan, ...]) -> list[int]:
    """Return what a perfect attack would have counted with the coins as they fell.

    A plan that guesses on everybody gets all of them right if the attack ties each side's scores;
    the others cannot find more members, or others, than there are.
    """
    return [
        trials.size
        if plan.guesses == trials.size
        else min(plan.top, trials.n_in) + min(plan.bottom, trials.n_out)
        for plan in plans
    ]
