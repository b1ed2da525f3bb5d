"""Returns weights that are not the target's, as its settings say."""

from __future__ import annotations

from dataclasses import dataclass

import dp_accounting as dp
import torch

from defenses.base import Trained


@dataclass(frozen=True)
class Hostile:
    """Trains nothing."""

    how: str

    def train(self, recipe, members, public, rng):
        """Return bad weights."""
        weights = recipe.build().state_dict()
        name = next(n for n in weights if n.startswith("network."))
        if self.how == "nan":
            weights[name] = weights[name] * float("nan")
        elif self.how == "shape":
            weights[name] = torch.zeros(3, 3)
        elif self.how == "foreign":
            weights["\x1b[2J" + "x" * 10_000] = torch.zeros(1)
        elif self.how == "missing":
            del weights[name]
        elif self.how == "double":
            weights[name] = weights[name].double()
        return Trained(weights, dp.GaussianDpEvent(1.0))
