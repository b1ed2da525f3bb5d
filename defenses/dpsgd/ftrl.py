"""DP-FTRL: noise that is correlated over the steps, and no assumption on how batches are drawn.

DP-SGD is cheap because nobody knows who is in a batch. Here everybody may know: batches come in a
fixed order, the same in every epoch, and what an utterance gives away is bounded by where it can
take part at most (Kairouz et al. 2021, arXiv 2103.00039). In return the noise of a step takes back
what earlier ones added, so that less of it is left in their sum (Denisov et al. 2022, arXiv
2202.08312; in epochs, with bands: Choquette-Choo et al. 2023, arXiv 2306.08153).

All steps together are one Gaussian query: of C G, with C from `defenses.dpsgd.factorisation`. That
gradients depend on earlier releases changes nothing for Gaussian noise (Denisov et al. 2022,
theorem 2.1).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from dp_accounting import DpEvent, GaussianDpEvent

from defenses.accounting.price import calibrated
from defenses.base import Trained, device_of, weights_of
from defenses.dpsgd.clipping import ClippedExamples, Gradients, normalised_sum, trained_parameters
from defenses.dpsgd.factorisation import BandedRoot
from defenses.dpsgd.mechanism import BoundedSum
from defenses.dpsgd.sampling import rate_and_steps
from defenses.dpsgd.scheme import descend
from defenses.dpsgd.trained_weights import trained_weights
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer
from targets.speech.utterance import Unit, Utterance
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class DPFTRL:
    """Normalised gradients of batches in a fixed order, under correlated noise.

    `batch_size` is the expected size of a batch, up to rounding: an epoch has a whole number of
    steps. `band` is over how many steps noise is correlated; it is cut to one epoch, beyond which
    the batches return. The rest is as in `EDPSGD`.
    """

    epsilon: float
    epochs: float = 10
    batch_size: int = 128
    band: int = 16
    learning_rate: float = 1e-3
    weights: str = "all"
    rank: int = 4

    def mechanism(self, expected_members: int) -> CorrelatedGaussian:
        """Return what adds the noise, not yet calibrated.

        Raises:
            OverheardError: an option is out of range.
        """
        rate, _ = rate_and_steps(expected_members, self.batch_size, self.epochs)
        if self.band < 1:
            raise OverheardError(f"band is {self.band}; give at least 1")
        epoch = round(1 / rate)
        steps = max(1, round(self.epochs * epoch))
        root = BandedRoot(steps, min(longest_band(self.band, epoch), steps))
        bounded_sum = ClippedExamples(normalised_sum, 1.0)
        return CorrelatedGaussian(bounded_sum, root, epoch, expected_members / epoch)

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`; the public speech is in the start already.

        Raises:
            OverheardError: an option is out of range, or ε is out of reach.
        """
        del public
        mechanism = self.mechanism(recipe.expected_members).calibrated(self.epsilon, recipe.delta)
        root, names = mechanism.root, [m.id for m in members]
        recognizer = recipe.build()
        with trained_weights(recognizer.network, self.weights, self.rank, rng.child("adapters")):
            count = sum(p.numel() for p in trained_parameters(recognizer))
            examples = recognizer.examples(members)
            released = mechanism.gradients(recognizer, examples, names, rng)
            # Adam divides by the size of gradients, which noise keeps at about one value: the sum
            # of steps is still near that of gradients, whose noise the matrix is made for.
            descend(recognizer, released, root.steps, self.learning_rate)
        notes = {
            "noise_multiplier": mechanism.noise_multiplier,
            "sensitivity": root.sensitivity(mechanism.epoch),
            "band": root.band,
            "steps_an_epoch": mechanism.epoch,
            "steps": root.steps,
            "trained_weights": count,
        }
        return Trained(weights_of(recognizer), mechanism.event, notes, mechanism.unit)


def longest_band(band: int, epoch: int) -> int:
    """Return the band, no longer than an epoch: columns of one unit then share no row."""
    return min(band, epoch)


@dataclass(frozen=True)
class CorrelatedGaussian:
    """Noisy means of a bounded sum over batches in a fixed order: one Gaussian query.

    An utterance is in one batch of every `epoch` steps, the same each time. The noise is C⁻¹Z, with
    C the `root` and Z white: of the deviation that is `noise_multiplier` times what one utterance
    can move C G. `noise_multiplier` is 1 until it is calibrated.
    """

    bounded_sum: BoundedSum
    root: BandedRoot
    epoch: int
    expected_batch: float
    noise_multiplier: float = 1.0

    @property
    def unit(self) -> Unit:
        """The utterance: each has one place in the order, whoever spoke it."""
        return "utterance"

    @property
    def event(self) -> DpEvent:
        """What all steps together did."""
        return GaussianDpEvent(self.noise_multiplier)

    @property
    def deviation(self) -> float:
        """The deviation of the white noise on the sum of a step."""
        moved = self.bounded_sum.sensitivity * self.root.sensitivity(self.epoch)
        return self.noise_multiplier * moved

    def calibrated(self, epsilon: float, delta: float) -> CorrelatedGaussian:
        """Return the mechanism with the least noise at which it costs no more than ε at δ.

        Raises:
            OverheardError: ε is out of reach.
        """
        noise = calibrated(GaussianDpEvent, epsilon, delta)
        return replace(self, noise_multiplier=noise)

    def place(self, name: str) -> int:
        """Return in which step of every epoch the utterance of that id takes part, from 0.

        By its id and not by its position: one utterance more or less must not move any other. It is
        nobody's secret, and needs no seed.
        """
        return Randomness(0).child("dp-ftrl", name).integer() % self.epoch

    def gradients(
        self,
        recognizer: Recognizer,
        examples: Sequence[Example],
        names: Sequence[str],
        rng: Randomness,
    ) -> Iterator[int]:
        """Set the noisy mean of every step as the gradient of the parameters; yield its number.

        `names` are the ids of the utterances of the examples. Nothing else of the examples leaves.
        """
        batches: list[list[Example]] = [[] for _ in range(self.epoch)]
        for example, name in zip(examples, names, strict=True):
            batches[self.place(name)].append(example)
        generator = rng.child("noise").torch(device_of(recognizer))
        deviation, coefficients = self.deviation, self.root.coefficients[1:].tolist()
        before: deque[Gradients] = deque(maxlen=self.root.band - 1)  # the noise, latest first
        for step in range(self.root.steps):
            total = self.bounded_sum(recognizer, batches[step % self.epoch])
            noise = white_noise(total, deviation, generator)
            for parameter, added in noise.items():
                # Row by row, C W = Z solved for W: no more than a band of it is ever kept.
                for coefficient, earlier in zip(coefficients, before, strict=False):
                    added -= coefficient * earlier[parameter]
                # Over the expected size of a batch: that of this one is private.
                parameter.grad = (total[parameter] + added) / self.expected_batch
            before.appendleft(noise)
            yield step


def white_noise(like: Gradients, deviation: float, generator: torch.Generator) -> Gradients:
    """Return N(0, deviation²) for every entry of some gradients."""
    return {
        parameter: deviation
        * torch.randn(gradient.shape, generator=generator, device=gradient.device)
        for parameter, gradient in like.items()
    }
