"""Public speech alone: what every private scheme has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dp_accounting import NoOpDpEvent

from defenses.base import Trained, weights_of
from defenses.public.pseudo_labels import labelled, shortlists, taught
from targets.core.progress import report, stage
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class PublicStudent:
    """The student of `PATE` without teachers: no private speech is touched, and ε is 0.

    It is the control beside every private scheme: one more round of self-training after those of
    the recipe's student, with the lists and the lessons that `PATE` has, but no votes.
    """

    hypotheses: int = 8
    keep: float = 0.6
    student_epochs: int = 10
    student_learning_rate: float = 2e-3

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`."""
        del members
        recipe = recipe.self_trained()
        audio = [u for u in public if not u.text]
        lists = shortlists(recipe, audio, self.hypotheses)
        report(0.3)
        labels = labelled(audio, lists, [None] * len(audio), self.keep)
        with stage(0.3, 1.0):
            student = taught(
                recipe,
                public,
                labels,
                self.student_epochs,
                self.student_learning_rate,
                rng.child("student"),
            )
        return Trained(weights_of(student), NoOpDpEvent(), {"labels": len(labels)})
