"""No protection: the reference that must leak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dp_accounting import NonPrivateDpEvent

from defenses.base import Trained, weights_of
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.training.fit import fit
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class NonPrivate:
    """Plain training on the members, from the public start."""

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`; the public speech is in the start already."""
        del public
        recognizer = recipe.build()
        if members:
            fit(recognizer, members, recipe.schedule, rng)
        return Trained(weights_of(recognizer), NonPrivateDpEvent())
