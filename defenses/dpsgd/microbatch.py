"""eDP-SGD as published (Dupuy et al. 2022, arXiv 2107.14586), priced at its true sensitivity.

The gradient is averaged over a micro-batch and the *mean* is clipped: one backward pass a
micro-batch instead of one an utterance. Every layer has a clip norm and a noise of its own, and
the noise decays as training goes on. Naive accounting takes each clipped mean for a clipped
gradient of one utterance. It is not:

- One utterance more can turn the mean of its micro-batch right round: the clipped mean moves by up
  to 2C, and no division by the micro-batch's size helps.
- L layers, each clipped at C_l with noise σ C_l, are together a query of sensitivity 2 √L in units
  of the noise of one: the true noise multiplier is σ / (2 √L).
- Noise that decays is a composition of different steps, and the late ones cost most.

Every utterance is in a batch by a coin of its own and joins a micro-batch by a draw of its own.
Were the batch cut into micro-batches in order, one utterance more would shift all those after it,
and every micro-batch would change.

Where the paper leaves a choice, ours spends no privacy: clip norms are shares of `clip` in
proportion to the norm of each layer's public start. It lets noise decay every epoch; here it decays
in `STAGES` equal parts of training, so that few different steps have to be composed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from defenses.accounting.price import price
from defenses.base import Trained, weights_of
from defenses.dpsgd.clipping import Gradients, check_clip, zeros
from defenses.dpsgd.mechanism import SubsampledGaussian, subsampled_gaussian_event
from defenses.dpsgd.sampling import rate_and_steps
from defenses.dpsgd.scheme import descend
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer
from targets.speech.utterance import Utterance
from targets.training.recipe import Recipe

STAGES = 4  # of training, each with less noise than the one before

Layers = list[list[nn.Parameter]]


@dataclass(frozen=True)
class MicrobatchDPSGD:
    """Clipped means of micro-batches, layer by layer, under noise that decays.

    `noise_decay` is what a stage's noise is of the one before's; `clip` the norm over all layers.
    The noise is calibrated to `epsilon` by the true event; the note `claimed_epsilon` is what
    accounting would state that took each clipped mean for one utterance's clipped gradient.
    """

    epsilon: float
    epochs: float = 10
    batch_size: int = 128
    micro_batch_size: int = 16
    learning_rate: float = 1e-3
    clip: float = 1.0
    noise_decay: float = 0.9

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
        check_clip(self.clip)
        sampling_rate, steps = rate_and_steps(recipe.expected_members, self.batch_size, self.epochs)
        if not 0 < self.noise_decay <= 1:
            raise OverheardError(f"noise_decay is {self.noise_decay:g}; give it above 0, up to 1")
        if not 1 <= self.micro_batch_size <= self.batch_size:
            raise OverheardError(
                f"micro_batch_size is {self.micro_batch_size}; "
                f"give 1 up to the batch_size {self.batch_size}"
            )
        recognizer = recipe.build()
        layers = layers_of(recognizer)
        norms = clip_norms(layers, self.clip)
        micro_batches = math.ceil(self.batch_size / self.micro_batch_size)
        draws = rng.child("micro-batches").numpy()
        mechanism = SubsampledGaussian(
            ClippedMeans(layers, norms, micro_batches, draws),
            sampling_rate,
            steps,
            micro_batches,
            stages=STAGES,
            decay=self.noise_decay,
        ).calibrated(self.epsilon, recipe.delta)
        examples = recognizer.examples(members)

        def gradients() -> Iterator[int]:
            for step in mechanism.gradients(recognizer, examples, rng):
                for parameter, norm in norms.items():  # released in units of the clip norms
                    assert parameter.grad is not None
                    parameter.grad *= norm
                yield step

        descend(recognizer, gradients(), steps, self.learning_rate)
        claimed = mechanism.noise_multiplier * sensitivity(layers)
        notes = {
            "claimed_epsilon": _claimed_epsilon(
                recipe.delta, claimed, sampling_rate, steps, self.noise_decay
            ),
            "noise_multiplier": mechanism.noise_multiplier,
            "claimed_noise_multiplier": claimed,
            "layers": len(layers),
            "sampling_rate": sampling_rate,
            "steps": steps,
        }
        return Trained(weights_of(recognizer), mechanism.event, notes, mechanism.unit)


@dataclass(frozen=True, eq=False)
class ClippedMeans:
    """A sum of the mean gradients of micro-batches, each layer clipped, in its clip norm.

    `norms` are the clip norms of every parameter's layer; a batch is dealt to `micro_batches` of
    them by `draws`.
    """

    layers: Layers
    norms: Mapping[Tensor, float]
    micro_batches: int
    draws: np.random.Generator

    @property
    def sensitivity(self) -> float:
        """See `BoundedSum`."""
        return sensitivity(self.layers)

    def __call__(self, recognizer: Recognizer, batch: Sequence[Example]) -> Gradients:
        """See `BoundedSum`."""
        micro_batches = dealt(batch, self.micro_batches, self.draws)
        return clipped_means(recognizer, micro_batches, self.norms)


@lru_cache(maxsize=256)
def _claimed_epsilon(delta: float, noise: float, rate: float, steps: int, decay: float) -> float:
    return price(subsampled_gaussian_event(noise, rate, steps, STAGES, decay), delta).epsilon


def sensitivity(layers: Layers) -> float:
    """Return how far one utterance can move the sum of clipped means, in units of clip norms."""
    return 2 * math.sqrt(len(layers))


def layers_of(recognizer: Recognizer) -> Layers:
    """Return the trained parameters, those of one layer together."""
    layers: dict[str, list[nn.Parameter]] = {}
    for name, parameter in recognizer.network.named_parameters():
        if parameter.requires_grad:
            layers.setdefault(name.rpartition(".")[0], []).append(parameter)
    return list(layers.values())


def clip_norms(layers: Layers, clip: float) -> dict[Tensor, float]:
    """Return the clip norm of every parameter's layer; their squares sum to `clip` squared.

    A layer that begins at zero, as half of an adapter does, gets that of an average layer: with
    none it would never learn.
    """
    sizes = [float(_norm([p.detach() for p in layer])) for layer in layers]
    usual = sum(sizes) / sum(size > 0 for size in sizes)
    sizes = [size or usual for size in sizes]
    whole = math.hypot(*sizes)
    return {
        parameter: clip * size / whole
        for layer, size in zip(layers, sizes, strict=True)
        for parameter in layer
    }


def dealt(batch: Sequence[Example], count: int, draws: np.random.Generator) -> list[list[Example]]:
    """Deal a batch to `count` micro-batches, each example by a draw of its own."""
    dealt_to = draws.integers(count, size=len(batch))
    return [[e for e, j in zip(batch, dealt_to, strict=True) if j == n] for n in range(count)]


def clipped_means(
    recognizer: Recognizer,
    micro_batches: Sequence[Sequence[Example]],
    norms: Mapping[Tensor, float],
) -> Gradients:
    """Return the sum of the micro-batches' mean gradients, each layer clipped, in its clip norm."""
    total = zeros(recognizer)
    layers = layers_of(recognizer)
    for micro_batch in micro_batches:
        if not micro_batch:
            continue
        loss = recognizer.example_nll(micro_batch).mean()
        means = dict(zip(total, torch.autograd.grad(loss, list(total)), strict=True))
        for layer in layers:
            # A diverged example must not turn the sum, and with it the model, into NaN.
            gradients = [torch.nan_to_num(means[p], posinf=0.0, neginf=0.0) for p in layer]
            scale = _norm(gradients).clamp_min(norms[layer[0]])
            for parameter, gradient in zip(layer, gradients, strict=True):
                total[parameter] += torch.nan_to_num(gradient / scale)
    return total


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(t) for t in tensors]))
