"""Differentially private stochastic gradient descent (Abadi et al. 2016), plain and efficient.

No setting is read off the private speech, so that none of them spends privacy:

- the clipping of `edpsgd` has no threshold: every gradient is scaled to the same norm;
- the learning rate is a constant, half that of the public start: Adam divides by the size of the
  gradients, and normalised gradients have one size, so the step is the same for every target;
- the batch is a constant, 128, and large: the noise is added once a batch, whatever its size. It
  fits into any memory, since it is gone through in physical batches of `PHYSICAL_BATCH`;
- the sampling rate follows from the public number of expected members, the number of steps from
  the rate, the noise from (ε, δ), the rate and the steps.

Constants were fixed on embedded synthetic speech. Suites draw private speech from the same, and
there they were not chosen blindly, which is not accounted for. Another value of a suite's own
choosing is public too; one tried out on the private speech is not, and is not accounted for here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import torch

from defenses.base import Trained, weights_of
from defenses.dpsgd.clipping import (
    ClippedExamples,
    ClippedSum,
    clipped_sum_one_by_one,
    normalised_sum,
    trained_parameters,
)
from defenses.dpsgd.mechanism import SubsampledGaussian
from defenses.dpsgd.sampling import rate_and_steps
from defenses.dpsgd.trained_weights import trained_weights
from targets.core.progress import report
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Utterance
from targets.training.fit import rate
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class DPSGD:
    """Textbook DP-SGD: clip each example's gradient, sum, add Gaussian noise, step.

    `batch_size` is the expected size of a Poisson batch; `epochs` gives the number of steps; the
    noise is calibrated to `epsilon`. `weights` are those that training moves, `rank` that of the
    adapters: see `defenses.dpsgd.trained_weights`.
    """

    epsilon: float
    epochs: float = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    clip: float = 1.0
    weights: str = "all"
    rank: int = 4

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
    weights: str = "all"
    rank: int = 4

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
    weights: str = "all",
    rank: int = 1,
) -> Trained:
    """Fit the recipe's target by Adam on noisy sums of clipped gradients.

    Nothing but those sums depends on private speech: the sampling rate comes from the public
    number of expected members, the steps from the rate.

    Raises:
        OverheardError: an option is out of range, or ε is out of reach.
    """
    sampling_rate, steps = rate_and_steps(recipe.expected_members, batch_size, epochs)
    bounded_sum = ClippedExamples(clipped_sum, clip)
    mechanism = SubsampledGaussian(bounded_sum, sampling_rate, steps, batch_size)
    mechanism = mechanism.calibrated(epsilon, recipe.delta)
    recognizer = recipe.build()
    with trained_weights(recognizer.network, weights, rank, rng.child("adapters")):
        count = sum(p.numel() for p in trained_parameters(recognizer))
        released = mechanism.gradients(recognizer, recognizer.examples(members), rng)
        descend(recognizer, released, steps, learning_rate)
    notes = {
        "noise_multiplier": mechanism.noise_multiplier,
        "sampling_rate": sampling_rate,
        "steps": steps,
        "trained_weights": count,
    }
    return Trained(weights_of(recognizer), mechanism.event, notes, mechanism.unit)


def descend(
    recognizer: Recognizer, gradients: Iterable[int], steps: int, learning_rate: float
) -> None:
    """Take `steps` steps of Adam, by the gradients that are set before each number is yielded."""
    optimizer = torch.optim.Adam(trained_parameters(recognizer), lr=learning_rate)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    for step in gradients:
        optimizer.step()
        scheduler.step()
        report((step + 1) / steps)
