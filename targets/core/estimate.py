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

    def __eq__(self, other: object) -> bool:
        """Return whether all is equal, NaN and NaN too: so are two unscored for one reason.

        What a dataclass generates says so up to Python 3.12 only, where NaN is one object.
        """
        return isinstance(other, Estimate) and self._comparable() == other._comparable()

    def __hash__(self) -> int:
        """Return a hash that goes with equality."""
        return hash(self._comparable())

    def _comparable(self) -> tuple[float | str | None, ...]:
        numbers = self.value, self.low, self.high, self.level, self.ceiling
        known = ("NaN" if n is not None and math.isnan(n) else n for n in numbers)
        return (*known, self.method)
