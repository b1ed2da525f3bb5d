"""Returns an event that no accountant prices, as its settings say."""

from __future__ import annotations

from dataclasses import dataclass

import dp_accounting as dp

from defenses.base import Trained


class Pickled(dp.GaussianDpEvent):
    """Wants to be pickled."""

    def __init__(self):
        super().__init__(1e9)

    def __reduce__(self):
        return exec, ("import os; os._exit(0)",)


@dataclass(frozen=True)
class Hostile:
    """Trains nothing."""

    how: str

    def train(self, recipe, members, public, rng):
        """Return the public start and a bad event."""
        event = {
            "absurd": dp.ComposedDpEvent([dp.GaussianDpEvent(1.0)] * 100_000),
            "not a number": dp.GaussianDpEvent(float("nan")),
            "sampled Laplace": dp.PoissonSampledDpEvent(0.1, dp.LaplaceDpEvent(1.0)),
            "an ε": 0.1,
            "pickled": Pickled(),
        }[self.how]
        return Trained(recipe.build().state_dict(), event)
