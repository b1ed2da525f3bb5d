"""What lower bounds on ε say about claims: one bound about its claim, many about all of them.

Light on purpose: whoever only reads records imports it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from targets.core.estimate import Estimate

Verdict = Literal[
    "consistent",
    "falsified",
    "nothing claimed",
    "cannot tell: ceiling below the claim",
    "cannot tell: no bound",
]


def verdict(bound: Estimate, claimed_epsilon: float | None) -> Verdict:
    """Return what a lower bound on ε says about a claimed ε; None or infinity claims nothing.

    "consistent" means that the audit could have contradicted the claim and did not.

    Raises:
        ValueError: for a negative or NaN claim.
    """
    if claimed_epsilon is None or claimed_epsilon == math.inf:
        return "nothing claimed"
    if not claimed_epsilon >= 0.0:
        raise ValueError(f"claimed ε is {claimed_epsilon}; it must be at least 0")
    if not bound.scored:
        return "cannot tell: no bound"
    if bound.low > claimed_epsilon:
        return "falsified"
    if bound.ceiling is not None and bound.ceiling <= claimed_epsilon:
        return "cannot tell: ceiling below the claim"
    return "consistent"


def holm(p_values: Sequence[float], error: float) -> list[bool]:
    """Return which hypotheses are rejected so that any true one is at most with chance `error`.

    Holm (1979): the smallest p-value must be at most `error` over the number of hypotheses, the
    next at most `error` over one less, and so on. It holds however the hypotheses depend on each
    other.
    """
    rejected = [False] * len(p_values)
    left = len(p_values)
    for index in sorted(range(len(p_values)), key=p_values.__getitem__):
        # 1 - 0.95 is a little more than 0.05.
        if p_values[index] * left > error * (1 + 1e-9):
            break
        rejected[index] = True
        left -= 1
    return rejected
