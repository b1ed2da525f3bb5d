"""What a defense is: private speech in, weights and a description of the mechanism out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dp_accounting import DpEvent
from torch import Tensor

from targets.randomness import Randomness
from targets.recipe import Recipe
from targets.speech import Utterance


@dataclass(frozen=True)
class Trained:
    """Weights of the suite's target and what the mechanism that made them did.

    `event` is priced by `defenses.accounting`; a defense never states its own ε. `notes` are
    figures worth keeping in the record that reveal nothing about members beyond the guarantee.
    """

    weights: dict[str, Tensor]
    event: DpEvent
    notes: dict[str, float | str] = field(default_factory=dict)


class Defense(Protocol):
    """A scheme: public hyperparameters in its (frozen dataclass) fields, private data in `train`."""

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """Train the recipe's target on the members, under this scheme."""
        ...
