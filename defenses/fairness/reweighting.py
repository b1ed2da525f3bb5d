"""Adversarial reweighting (Lahoti et al. 2020; for speakers, arXiv 2207.07776).

Nobody says who belongs to which cohort. An adversary hears how utterances sound, and weighs those
more whose kind has a large loss; the recogniser learns from the weighed losses. The adversary is
linear, so that it finds regions of speech and not single utterances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from dp_accounting import NonPrivateDpEvent
from torch import Tensor, nn

from defenses.base import Trained, weights_of
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example
from targets.speech.utterance import Utterance
from targets.training.fit import fit
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class Reweighted:
    """Plain training on losses that an adversary weighs, without privacy.

    `adversary_rate` is the learning rate of the adversary (Adam).
    """

    adversary_rate: float = 1e-2

    def __post_init__(self) -> None:
        """Refuse a rate that is none.

        Raises:
            OverheardError: it is negative.
        """
        if self.adversary_rate < 0:
            raise OverheardError(f"adversary_rate is {self.adversary_rate:g}; give 0 or more")

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
            adversary = Adversary(self.adversary_rate)
            fit(recognizer, members, recipe.schedule, rng, objective=adversary)
        return Trained(weights_of(recognizer), NonPrivateDpEvent())


@dataclass(eq=False)
class Adversary:
    """An objective: losses weighed by what a linear model makes of how utterances sound.

    A weight is (1 + s / mean s) / 2, where s is between 0 and 1: nobody has less than half, and
    the mean is 1. The adversary climbs the weighed loss for each label, the recogniser descends
    the weighed loss.
    """

    rate: float
    model: nn.Linear | None = field(default=None, init=False)
    optimizer: torch.optim.Optimizer | None = field(default=None, init=False)

    def weights(self, batch: Sequence[Example]) -> Tensor:
        """Return the weight of each example (B,), as a function of the adversary's parameters."""
        x = spectral_statistics(batch)
        if self.model is None:
            self.model = nn.Linear(x.shape[1], 1, device=x.device)
            nn.init.zeros_(self.model.weight)  # at first everybody weighs the same
            nn.init.zeros_(self.model.bias)
            self.optimizer = torch.optim.Adam(self.model.parameters(), lr=self.rate)
        s = torch.sigmoid(self.model(x)).squeeze(1)
        return (1 + s / s.mean()) / 2

    def __call__(self, batch: Sequence[Example], losses: Tensor) -> Tensor:
        """Let the adversary take a step, and return the loss under the weights before it."""
        weights = self.weights(batch)
        assert self.optimizer is not None
        lengths = torch.tensor([len(e.labels) + 1 for e in batch], device=losses.device)
        known = torch.nan_to_num(losses.detach() / lengths, nan=0.0, posinf=0.0)
        self.optimizer.zero_grad()
        (-(weights * known).mean()).backward()
        self.optimizer.step()
        return (weights.detach() * losses).mean()


def spectral_statistics(batch: Sequence[Example]) -> Tensor:
    """Return how utterances sound (B, 2 M): mean and deviation of their frames (T, M).

    They are standardised within the batch.
    """
    rows = [
        torch.cat([e.features.mean(0), e.features.std(0, correction=0)]).detach() for e in batch
    ]
    x = torch.stack(rows)
    return (x - x.mean(0)) / (x.std(0, correction=0) + 1e-3)
