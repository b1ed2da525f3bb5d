"""Differentially private stochastic gradient descent (Abadi et al. 2016), plain and efficient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch

from defenses.accounting import calibrated, dp_sgd_event
from defenses.base import Trained, weights_of
from defenses.clipping import (
    ClippedSum,
    Gradients,
    clipped_sum_one_by_one,
    normalised_sum,
)
from defenses.sampling import poisson_batches
from targets.errors import OverheardError
from targets.progress import report
from targets.randomness import Randomness
from targets.recipe import Recipe
from targets.speech import Utterance
from targets.training import rate


@dataclass(frozen=True)
class DPSGD:
    """Textbook DP-SGD: clip each example's gradient, sum, add Gaussian noise, step.

    `batch_size` is the expected size of a Poisson batch; `epochs` gives the number of steps; the
    noise is calibrated to `epsilon`.
    """

    epsilon: float
    epochs: float = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    clip: float = 1.0

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`; the public speech is in the start already."""
        del public
        return noisy_descent(recipe, members, rng, clipped_sum_one_by_one, **asdict(self))


@dataclass(frozen=True)
class EDPSGD:
    """DP-SGD at about the cost of plain training: all examples at once, normalised gradients.

    Automatic clipping leaves no threshold to tune; otherwise as `DPSGD`.
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
        """See `Defense`; the public speech is in the start already."""
        del public
        return noisy_descent(recipe, members, rng, normalised_sum, clip=1.0, **asdict(self))


def noisy_descent(
    recipe: Recipe,
    members: Sequence[Utterance],
    rng: Randomness,
    clipped_sum: ClippedSum,
    *,
    epsilon: float,
    epochs: float,
    batch_size: int,
    learning_rate: float,
    clip: float,
) -> Trained:
    """Fit the recipe's target by Adam on noisy sums of clipped gradients.

    Nothing but those sums depends on private speech: the sampling rate comes from the public
    number of expected members, the steps from the rate.

    Raises:
        OverheardError: the batch is larger than the expected members, or ε is out of reach.
    """
    sampling_rate = batch_size / recipe.expected_members
    if sampling_rate > 1:
        raise OverheardError(
            f"batch_size {batch_size} is above the {recipe.expected_members} expected members: "
            f"give a smaller batch_size"
        )
    steps = max(1, round(epochs / sampling_rate))
    noise = calibrated(dp_sgd_event, epsilon, recipe.delta, sampling_rate, steps)
    recognizer = recipe.build()
    examples = recognizer.examples(members)
    optimizer = torch.optim.Adam(recognizer.network.parameters(), lr=learning_rate)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    generator = rng.child("noise").torch()
    batches = poisson_batches(examples, sampling_rate, steps, rng.child("batches"))
    for step, batch in enumerate(batches):
        total = clipped_sum(recognizer, batch, clip)
        set_noisy_mean(total, noise * clip, batch_size, generator)
        optimizer.step()
        scheduler.step()
        report((step + 1) / steps)
    notes = {"noise_multiplier": noise, "sampling_rate": sampling_rate, "steps": steps}
    return Trained(weights_of(recognizer), dp_sgd_event(noise, sampling_rate, steps), notes)


def set_noisy_mean(
    total: Gradients, deviation: float, expected_batch: float, generator: torch.Generator
) -> None:
    """Add N(0, deviation²) to a sum of clipped gradients and set its mean as the gradient.

    The mean is over the expected batch size: dividing by the drawn one would leak it. An empty
    batch is noise alone, and counts as a step like any other.
    """
    for parameter, gradient in total.items():
        noise = torch.randn(gradient.shape, generator=generator) * deviation
        parameter.grad = (gradient + noise) / expected_batch
