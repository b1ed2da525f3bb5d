"""A measured number together with what makes it evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, the interval's confidence level, the method, and the ceiling.

    `low` and `high` bound the truth with probability `level`; a one-sided bound leaves the other
    end infinite. `ceiling` is the largest value the method could have returned with this much
    data, where there is one. An unscored quantity is NaN, and its `method` says why.
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    ceiling: float | None = None

    @classmethod
    def unscored(cls, reason: str) -> Estimate:
        """Return the estimate of something that could not be measured."""
        return cls(math.nan, math.nan, math.nan, math.nan, f"unscored: {reason}")

    @property
    def scored(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)
