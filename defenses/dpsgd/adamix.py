"""AdaMix: public gradients beside noisy private ones (Golatkar et al. 2022, arXiv 2203.11481).

Three things are taken from transcribed public speech, anew at every step: its mean gradient, which
needs no noise; the norm at which private gradients are cut, a quantile of the norms of public ones;
and the directions in which public gradients point, to which the private mean may be projected, so
that noise in all others is gone.

**What is priced is the subsampled Gaussian of DP-SGD**, no more and no less:

- The threshold and the directions follow from public speech and from the weights, which are
  post-processing of earlier releases. So they are known before a step's batch is looked at, and may
  be chosen anew each time. The sum is released in units of the threshold: its sensitivity is 1.
- The projection comes after the noise, as does the public mean: both are post-processing. A sum
  that is projected before, and gets its noise within the subspace alone, is the same release: a
  projection makes no vector longer, and that of white noise is white noise within.

The step is Adam's, as in `edpsgd`. Public and private utterances weigh the same, as in one loss
over both: the public share is that of the public utterances among all that are expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from defenses.base import Trained, weights_of
from defenses.dpsgd.clipping import Gradients, trained_parameters
from defenses.dpsgd.mechanism import SubsampledGaussian
from defenses.dpsgd.public_gradients import PublicGradients, clipped_in_units, drawn
from defenses.dpsgd.sampling import rate_and_steps
from defenses.dpsgd.scheme import descend
from defenses.dpsgd.trained_weights import trained_weights
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe


@dataclass(frozen=True)
class AdaMix:
    """DP-SGD with the transcribed public speech beside it at every step.

    Every step draws `public_batch` public utterances. `quantile` is the share of their gradients
    that would not be cut; `components` is how many directions of theirs are kept of the private
    gradient, 0 for all: of a whole recogniser a few hold little. The rest is as in `EDPSGD`.
    """

    epsilon: float
    epochs: float = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    public_batch: int = 64
    quantile: float = 0.9
    components: int = 0
    weights: str = "all"
    rank: int = 4

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            OverheardError: no public utterance a step, a quantile that is none, or fewer than no
                components.
        """
        if self.public_batch < 1:
            raise OverheardError(f"public_batch is {self.public_batch}; give at least 1")
        if not 0 <= self.quantile <= 1:
            raise OverheardError(f"quantile is {self.quantile:g}; give a share from 0 to 1")
        if self.components < 0:
            raise OverheardError(f"components is {self.components}; give 0 for all, or more")

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`.

        Raises:
            OverheardError: there is no transcribed public speech, an option is out of range, or ε
                is out of reach.
        """
        spoken = [u for u in public if u.text]
        if not spoken:
            raise OverheardError("adamix needs transcribed public speech: there is none")
        rate, steps = rate_and_steps(recipe.expected_members, self.batch_size, self.epochs)
        recognizer = recipe.build()
        beside = BesidePublic(
            recognizer.examples(spoken),
            self.public_batch,
            self.quantile,
            self.components,
            rng.child("public").numpy(),
        )
        mechanism = SubsampledGaussian(beside, rate, steps, self.batch_size)
        mechanism = mechanism.calibrated(self.epsilon, recipe.delta)
        share = public_share(len(spoken), recipe.expected_members)
        with trained_weights(recognizer.network, self.weights, self.rank, rng.child("adapters")):
            count = sum(p.numel() for p in trained_parameters(recognizer))
            released = mechanism.gradients(recognizer, recognizer.examples(members), rng)
            mixed = beside.mixed(recognizer, released, share)
            descend(recognizer, mixed, steps, self.learning_rate)
        notes = {
            "noise_multiplier": mechanism.noise_multiplier,
            "sampling_rate": rate,
            "steps": steps,
            "public_share": share,
            "trained_weights": count,
        }
        return Trained(weights_of(recognizer), mechanism.event, notes, mechanism.unit)


def public_share(public: int, expected_members: int) -> float:
    """Return the weight of the public mean beside the private one, from public numbers alone."""
    return public / (public + expected_members)


@dataclass(eq=False)
class BesidePublic:
    """A sum of private gradients cut where public ones say, in units of that; then mixed with them.

    It keeps what the public speech of the last step said: see `PublicGradients`.
    """

    speech: Sequence[Example]
    batch: int
    quantile: float
    components: int
    generator: np.random.Generator
    said: PublicGradients | None = field(default=None, init=False)

    @property
    def sensitivity(self) -> float:
        """See `BoundedSum`: each gradient has a norm of at most 1 in units of the threshold."""
        return 1.0

    def __call__(self, recognizer: Recognizer, batch: Sequence[Example]) -> Gradients:
        """See `BoundedSum`."""
        speech = drawn(self.speech, self.batch, self.generator)
        self.said = PublicGradients.of(recognizer, speech, self.quantile, self.components)
        return clipped_in_units(recognizer, batch, self.said.threshold)

    def mixed(self, recognizer: Recognizer, released: Iterable[int], share: float) -> Iterator[int]:
        """Put the mix of what was released and of the public mean in its place, at every step."""
        parameters = trained_parameters(recognizer)
        for step in released:
            assert self.said is not None
            private = torch.cat([_gradient(p).flatten() for p in parameters])
            parts = self.said.mixed_with(private, share).split([p.numel() for p in parameters])
            for parameter, part in zip(parameters, parts, strict=True):
                parameter.grad = part.view_as(parameter)
            yield step


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
