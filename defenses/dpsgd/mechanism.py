"""The mechanism of DP-SGD: noisy means of bounded sums over batches that are drawn by chance.

Sampler, bounded sum, noise, event and privacy unit come from one object, `SubsampledGaussian`: the
rate that is priced is the rate that is drawn at, and the noise that is priced is the noise that is
added. A scheme chooses its settings, and takes the gradients that it hands out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import torch
from dp_accounting import ComposedDpEvent, DpEvent

from defenses.accounting.price import calibrated, dp_sgd_event
from defenses.base import device_of
from defenses.dpsgd.clipping import Gradients
from defenses.dpsgd.sampling import poisson_batches
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer
from targets.speech.utterance import Unit


class BoundedSum(Protocol):
    """A sum over a batch that one entry more or less moves by at most `sensitivity`."""

    @property
    def sensitivity(self) -> float:
        """The longest such move: the Euclidean norm over all parameters together."""
        ...

    def __call__(self, recognizer: Recognizer, batch: Sequence[Example]) -> Gradients:
        """Return the sum over a batch, which may be empty."""
        ...


@dataclass(frozen=True)
class SubsampledGaussian:
    """Poisson-sampled Gaussian queries: `steps` noisy means of a bounded sum.

    Every entry of the private speech is in every batch by its own coin of probability
    `sampling_rate`. The noise on a sum has the deviation `noise_multiplier` times the sum's
    sensitivity; in each of `stages` equal parts of the steps it is `decay` times that of the part
    before. Means are over `expected_batch`, a public number. `noise_multiplier` is 1 until it is
    calibrated.
    """

    bounded_sum: BoundedSum
    sampling_rate: float
    steps: int
    expected_batch: float
    noise_multiplier: float = 1.0
    stages: int = 1
    decay: float = 1.0

    @property
    def unit(self) -> Unit:
        """The utterance: each entry has a coin of its own, whoever spoke it."""
        return "utterance"

    @property
    def event(self) -> DpEvent:
        """What all steps together did."""
        return subsampled_gaussian_event(self.noise_multiplier, *self._settings)

    def calibrated(self, epsilon: float, delta: float) -> SubsampledGaussian:
        """Return the mechanism with the least noise at which it costs no more than ε at δ.

        Raises:
            OverheardError: ε is out of reach.
        """
        noise = calibrated(subsampled_gaussian_event, epsilon, delta, *self._settings)
        return replace(self, noise_multiplier=noise)

    def deviation(self, step: int) -> float:
        """Return the deviation of the noise on the sum of a step, counted from 0."""
        decayed = self.decay ** stage_of(step, self.steps, self.stages)
        return self.noise_multiplier * self.bounded_sum.sensitivity * decayed

    def gradients(
        self, recognizer: Recognizer, examples: Sequence[Example], rng: Randomness
    ) -> Iterator[int]:
        """Set the noisy mean of every step as the gradient of the parameters; yield its number.

        Nothing else of the examples leaves: what is done between two steps is post-processing.
        """
        generator = rng.child("noise").torch(device_of(recognizer))
        batches = poisson_batches(examples, self.sampling_rate, self.steps, rng.child("batches"))
        for step, batch in enumerate(batches):
            total = self.bounded_sum(recognizer, batch)
            set_noisy_mean(total, self.deviation(step), self.expected_batch, generator)
            yield step

    @property
    def _settings(self) -> tuple[float, int, int, float]:
        return self.sampling_rate, self.steps, self.stages, self.decay


def subsampled_gaussian_event(
    noise: float, rate: float, steps: int, stages: int = 1, decay: float = 1.0
) -> DpEvent:
    """Return the event of `SubsampledGaussian`: that of DP-SGD, stage by stage."""
    if stages == 1:
        return dp_sgd_event(noise, rate, steps)
    ends = [-(-stage * steps // stages) for stage in range(stages + 1)]
    counts = [end - start for start, end in pairwise(ends)]
    return ComposedDpEvent(
        [dp_sgd_event(noise * decay**stage, rate, n) for stage, n in enumerate(counts) if n]
    )


def stage_of(step: int, steps: int, stages: int) -> int:
    """Return in which of the stages a step is, both counted from 0."""
    return step * stages // steps


def set_noisy_mean(
    total: Gradients, deviation: float, expected_batch: float, generator: torch.Generator
) -> None:
    """Add N(0, deviation²) to a sum of clipped gradients and set its mean as the gradient.

    The mean is over the expected batch size: dividing by the drawn one would leak it. An empty
    batch is noise alone, and counts as a step like any other. The generator is on the device of the
    gradients.
    """
    for parameter, gradient in total.items():
        noise = torch.randn(gradient.shape, generator=generator, device=gradient.device)
        parameter.grad = (gradient + noise * deviation) / expected_batch
