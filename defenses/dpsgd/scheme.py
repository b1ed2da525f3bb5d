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

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import torch

from defenses.accounting.price import calibrated, dp_sgd_event
from defenses.base import Trained, weights_of
from defenses.dpsgd.clipping import (
    ClippedSum,
    Gradients,
    clipped_sum_one_by_one,
    normalised_sum,
)
from defenses.dpsgd.sampling import poisson_batches
from targets.core.errors import OverheardError
from targets.core.progress import report
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer
from targets.speech.utterance import Utterance
from targets.training.fit import rate
from targets.training.recipe import Recipe


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
        OverheardError: an option is out of range, or ε is out of reach.
    """
    sampling_rate, steps = sampling(recipe, batch_size, epochs)
    check_clip(clip)
    noise = calibrated(dp_sgd_event, epsilon, recipe.delta, sampling_rate, steps)
    recognizer = recipe.build()
    generator = rng.child("noise").torch(recipe.device)
    batches = poisson_batches(
        recognizer.examples(members), sampling_rate, steps, rng.child("batches")
    )

    def set_gradients(_: int, batch: Sequence[Example]) -> None:
        total = clipped_sum(recognizer, batch, clip)
        set_noisy_mean(total, noise * clip, batch_size, generator)

    descend(recognizer, batches, steps, learning_rate, set_gradients)
    notes = {"noise_multiplier": noise, "sampling_rate": sampling_rate, "steps": steps}
    return Trained(weights_of(recognizer), dp_sgd_event(noise, sampling_rate, steps), notes)


def sampling(recipe: Recipe, batch_size: int, epochs: float) -> tuple[float, int]:
    """Return the Poisson rate and the number of steps, from public numbers alone.

    Raises:
        OverheardError: the batch is larger than the expected members, or a number is out of range.
    """
    if batch_size < 1:
        raise OverheardError(f"batch_size is {batch_size}; give at least 1")
    if not 0 < epochs < math.inf:
        raise OverheardError(f"epochs is {epochs:g}; give a number above 0")
    sampling_rate = batch_size / recipe.expected_members
    if sampling_rate > 1:
        raise OverheardError(
            f"batch_size {batch_size} is above the {recipe.expected_members} expected members: "
            f"give a smaller batch_size"
        )
    return sampling_rate, max(1, round(epochs / sampling_rate))


def check_clip(clip: float) -> None:
    """Refuse a clip norm that would let no gradient through, or no noise.

    Raises:
        OverheardError: it is not a number above 0.
    """
    if not 0 < clip < math.inf:
        raise OverheardError(f"clip is {clip:g}; give a number above 0")


def descend(
    recognizer: Recognizer,
    batches: Iterable[Sequence[Example]],
    steps: int,
    learning_rate: float,
    set_gradients: Callable[[int, Sequence[Example]], None],
) -> None:
    """Take `steps` steps of Adam by the gradients that are set for each batch and its number."""
    optimizer = torch.optim.Adam(recognizer.network.parameters(), lr=learning_rate)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    for step, batch in enumerate(batches):
        set_gradients(step, batch)
        optimizer.step()
        scheduler.step()
        report((step + 1) / steps)


def set_noisy_mean(
    total: Gradients, deviation: float, expected_batch: float, generator: torch.Generator
) -> None:
    """Add N(0, deviation²) to a sum of clipped gradients and set its mean as the gradient.

    The mean is over the expected batch size: dividing by the drawn one would leak it. An empty
    batch is noise alone, and counts as a step like any other.
    """
    for parameter, gradient in total.items():
        noise = torch.randn(gradient.shape, generator=generator, device=generator.device)
        parameter.grad = (gradient + noise * deviation) / expected_batch
