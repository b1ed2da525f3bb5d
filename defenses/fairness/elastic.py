"""Elastic weight consolidation (Kirkpatrick et al. 2017; for speech, arXiv 2207.07850).

A model that was trained on everybody is trained further on one cohort alone. A weight that matters
for all others is held where it was, by a quadratic penalty in proportion to the empirical Fisher
information of the others' loss about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from dp_accounting import NonPrivateDpEvent
from torch import Tensor

from defenses.base import Trained, weights_of
from defenses.fairness.cohorts import cohort_of, smallest
from targets.core.errors import OverheardError
from targets.core.progress import stage
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer
from targets.speech.utterance import Utterance
from targets.training.fit import fit
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class Elastic:
    """Plain training, then the smallest cohort alone, with what matters to others held in place.

    Cohorts are told apart by an `attribute` of the members; `cohort` names another than the
    smallest. With `strength` 1 the penalty stands for the whole loss of the others, if that is at
    its minimum there and its curvature is the empirical Fisher information. `further_epochs` are
    those of the cohort, at the learning rate of the suite times `slower`; the Fisher information is
    a mean over `measured` utterances.
    """

    attribute: str = "accent"
    cohort: str = ""
    strength: float = 1.0
    further_epochs: int = 4
    slower: float = 0.2
    measured: int = 256

    def __post_init__(self) -> None:
        """Refuse what trains or measures nothing.

        Raises:
            OverheardError: a number is out of range.
        """
        if self.strength < 0:
            raise OverheardError(f"strength is {self.strength:g}; give 0 or more")
        if self.further_epochs < 1 or self.measured < 1:
            raise OverheardError("give at least 1 for further_epochs and for measured")

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`; the public speech is in the start already.

        Raises:
            OverheardError: `cohort` is named, and nobody or everybody is in it.
        """
        del public
        recognizer = recipe.build()
        cohort = self.cohort or smallest(members, self.attribute)
        own = [m for m in members if cohort and cohort_of(m, self.attribute) == cohort]
        others = [m for m in members if cohort_of(m, self.attribute) != cohort]
        if members and self.cohort and not (own and others):
            raise OverheardError(
                f"cohort: {len(own)} of {len(members)} members have {self.attribute} "
                f"{self.cohort!r}; name one that some have and others do not"
            )
        with stage(0.0, 0.8):
            if members:
                fit(recognizer, members, recipe.schedule, rng.child("everybody"))
        if own and others:
            order = rng.child("measured").numpy().permutation(len(others))[: self.measured]
            fisher = empirical_fisher(recognizer, [others[n] for n in order])
            held = ewc_objective(recognizer, fisher, self.strength * len(others) / len(own))
            further = replace(
                recipe.schedule,
                epochs=self.further_epochs,
                learning_rate=recipe.schedule.learning_rate * self.slower,
            )
            with stage(0.8, 1.0):
                fit(recognizer, own, further, rng.child("cohort"), objective=held)
        return Trained(weights_of(recognizer), NonPrivateDpEvent(), {"cohort": cohort or ""})


def empirical_fisher(recognizer: Recognizer, utterances: Sequence[Utterance]) -> list[Tensor]:
    """Return the empirical Fisher information of each trained weight: its mean squared gradient."""
    weights = _trained(recognizer)
    total = [torch.zeros_like(w) for w in weights]
    for example in recognizer.examples(utterances):
        gradients = torch.autograd.grad(
            recognizer.example_nll([example]).sum(), weights, allow_unused=True
        )
        for sum_, gradient in zip(total, gradients, strict=True):
            # One that is not a number says nothing, rather than holding a weight for ever.
            if gradient is not None and torch.isfinite(gradient).all():
                sum_ += gradient.square()
    return [sum_ / max(1, len(utterances)) for sum_ in total]


def ewc_objective(
    recognizer: Recognizer, fisher: Sequence[Tensor], strength: float
) -> Callable[[Sequence[Example], Tensor], Tensor]:
    """Return an objective: the mean loss, and what it costs to move from where the weights are."""
    weights = _trained(recognizer)
    anchors = [w.detach().clone() for w in weights]

    def objective(batch: Sequence[Example], losses: Tensor) -> Tensor:
        del batch
        pulls = [
            (stiff * (weight - anchor).square()).sum()
            for weight, anchor, stiff in zip(weights, anchors, fisher, strict=True)
        ]
        return losses.mean() + strength / 2 * torch.stack(pulls).sum()

    return objective


def _trained(recognizer: Recognizer) -> list[Tensor]:
    return [w for w in recognizer.network.parameters() if w.requires_grad]
