"""What a device does in a round: some steps of plain training on its own utterances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from defenses.dpsgd.clipping import Gradients, trained_parameters
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.recognizer import Example, Recognizer
from targets.training.fit import MOST_GRADIENT


@dataclass(frozen=True)
class LocalTraining:
    """`epochs` of stochastic gradient descent in batches, without momentum.

    Nothing is kept on the device between rounds.

    Raises:
        OverheardError: a number is out of range.
    """

    epochs: int
    batch_size: int
    learning_rate: float

    def __post_init__(self) -> None:
        """Refuse training that goes nowhere."""
        if self.epochs < 1:
            raise OverheardError(f"local_epochs is {self.epochs}; give at least 1")
        if self.batch_size < 1:
            raise OverheardError(f"batch_size is {self.batch_size}; give at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise OverheardError(f"local_rate is {self.learning_rate:g}; give a number above 0")

    def update(
        self, recognizer: Recognizer, examples: Sequence[Example], rng: Randomness
    ) -> Gradients:
        """Return how far training on the examples moves the trained weights.

        Afterwards the recogniser has the weights that it came with. A step's gradient is cut as in
        plain training, against rare huge steps. An update that diverged is none: it must not turn
        the sum, and with it the model, into NaN.
        """
        parameters = trained_parameters(recognizer)
        before = [p.detach().clone() for p in parameters]
        order = rng.numpy()
        for _ in range(self.epochs):
            shuffled = [examples[i] for i in order.permutation(len(examples))]
            for start in range(0, len(shuffled), self.batch_size):
                self._step(recognizer, parameters, shuffled[start : start + self.batch_size])
        with torch.no_grad():
            moved = {}
            for parameter, old in zip(parameters, before, strict=True):
                moved[parameter] = parameter - old
                parameter.copy_(old)
            if not all(bool(torch.isfinite(m).all()) for m in moved.values()):
                return {p: torch.zeros_like(p) for p in parameters}
        return moved

    def _step(
        self, recognizer: Recognizer, parameters: Sequence[Tensor], batch: Sequence[Example]
    ) -> None:
        loss = recognizer.example_nll(batch).mean()
        gradients = torch.autograd.grad(loss, list(parameters))
        norm = float(norm_of(gradients))
        with torch.no_grad():
            step = self.learning_rate * min(1.0, MOST_GRADIENT / max(norm, 1e-12))
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= step * gradient


def norm_of(parts: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm over all parts together, a scalar on their device."""
    return torch.stack([part.square().sum() for part in parts]).sum().sqrt()
