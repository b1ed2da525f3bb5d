"""What a defense is: private speech in, weights and a description of the mechanism out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dp_accounting import DpEvent
from torch import Tensor

from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Unit, Utterance
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class Trained:
    """Weights of the suite's target and what the mechanism that made them did.

    `event` is priced by `defenses.accounting.price`; a defense never states its own ε. `notes` are
    figures worth keeping in the record that reveal nothing about members beyond the guarantee.
    `unit` is what may be added or removed for what the event says to hold.
    """

    weights: dict[str, Tensor]
    event: DpEvent
    notes: Mapping[str, float | str] = field(default_factory=dict)
    unit: Unit = "utterance"


def weights_of(recognizer: Recognizer) -> dict[str, Tensor]:
    """Return a copy of a recogniser's weights."""
    return {name: tensor.detach().clone() for name, tensor in recognizer.state_dict().items()}


class Defense(Protocol):
    """A scheme: public hyperparameters in its frozen fields, private data in `train` alone."""

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """Train the recipe's target on the members, under this scheme.

        Public utterances without a transcript (text "") are untranscribed speech of the public.
        """
        ...
