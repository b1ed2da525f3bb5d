"""DP-SGD after self-training: what PATE makes of untranscribed public speech, DP-SGD has too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from defenses.base import Trained
from defenses.dpsgd import EDPSGD
from defenses.public import PublicStudent
from targets.progress import stage
from targets.randomness import Randomness
from targets.recipe import Recipe
from targets.speech import Utterance

STUDYING = 0.4  # of the work


@dataclass(frozen=True)
class SelfTrainedEDPSGD:
    """`EDPSGD` that begins at the student of `PublicStudent`, which costs no privacy.

    The control of every comparison with PATE: a student of votes learns from untranscribed public
    speech, and a scheme that is denied it loses by that alone.
    """

    epsilon: float
    epochs: float = 10
    batch_size: int = 128
    learning_rate: float = 1e-3

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`."""
        with stage(0.0, STUDYING):
            student = PublicStudent().train(recipe, (), public, rng.child("public"))
        begun = replace(recipe, start=student.weights)
        with stage(STUDYING, 1.0):
            return EDPSGD(**asdict(self)).train(begun, members, public, rng)
