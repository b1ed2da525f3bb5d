"""The public start as it is: the control that every other scheme is read against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dp_accounting import NoOpDpEvent

from defenses.base import Trained, weights_of
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class UntouchedStart:
    """The weights that every scheme begins at, trained no further: ε is 0.

    A scheme whose word error rate is no better has learnt nothing from private speech.
    """

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`; nothing is trained."""
        del members, public, rng
        return Trained(weights_of(recipe.build()), NoOpDpEvent())
