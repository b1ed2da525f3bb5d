"""DP-SGD after self-training: what PATE makes of untranscribed public speech, DP-SGD has too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from defenses.base import Trained
from defenses.dpsgd.scheme import EDPSGD
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class SelfTrainedEDPSGD:
    """`EDPSGD` that begins at the student of public speech, which costs no privacy.

    The control of every comparison with PATE: a student of votes learns from untranscribed public
    speech, and a scheme that is denied it loses by that alone.
    """

    epsilon: float
    epochs: float = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    weights: str = "all"
    rank: int = 4

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`."""
        return EDPSGD(**asdict(self)).train(recipe.self_trained(), members, public, rng)
