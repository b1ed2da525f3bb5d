"""What public speech says of gradients: how long they usually are, and where they point.

All of it follows from public speech and from weights that have been released, so that it costs no
privacy, whatever it is used for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from defenses.dpsgd.clipping import PHYSICAL_BATCH, Gradients, trained_parameters, zeros
from targets.core.errors import OverheardError
from targets.models.recognizer import Example, Recognizer
from targets.nn.tape import Use, recording, square_norms, weighted_sums

SHORTEST = 1e-6  # threshold, where all public gradients vanish
LEAST_SHARE = 1e-6  # of the largest variance: directions below it are rounding


@dataclass(frozen=True, eq=False)
class PublicGradients:
    """Gradients of some public utterances (N, D) over all trained parameters, at some weights.

    `threshold` is the norm that most of them have at most. `basis` (K, D) are orthonormal
    directions that hold most of them, or None where everything is kept.
    """

    rows: Tensor
    threshold: float
    basis: Tensor | None

    @classmethod
    def of(
        cls, recognizer: Recognizer, speech: Sequence[Example], quantile: float, components: int
    ) -> PublicGradients:
        """Return the gradients of speech, a quantile of their norms, and a basis of so many.

        0 components are no basis. Diverged gradients are left out.
        """
        parameters = trained_parameters(recognizer)
        parts = []
        for gradients, _ in on_tape(recognizer, speech):
            found = dict(pair for use, gradient in gradients for pair in use.per_example(gradient))
            parts.append(torch.cat([found[p].flatten(1) for p in parameters], 1))
        size = sum(p.numel() for p in parameters)
        rows = torch.cat([*parts, parameters[0].new_zeros(0, size)])
        norms = rows.norm(dim=1)
        threshold = float(norms.quantile(quantile)) if len(norms) else SHORTEST
        basis = principal_directions(rows, components) if components else None
        return cls(rows, max(threshold, SHORTEST), basis)

    def mixed_with(self, private: Tensor, share: float) -> Tensor:
        """Return (D,): `share` of the public mean, the rest the private one as far as it is held.

        `private` (D,) is a released mean, noise and all, in units of the threshold.
        """
        private = self.threshold * private
        if self.basis is not None:
            private = self.basis.T @ (self.basis @ private)
        public = self.rows.sum(0) / max(1, len(self.rows))
        return share * public + (1 - share) * private


def principal_directions(rows: Tensor, count: int) -> Tensor:
    """Return the up to `count` orthonormal directions (K, D) that hold most of some rows (N, D)."""
    gram = (rows @ rows.T).double()  # N x N is small; D is not
    values, vectors = torch.linalg.eigh(gram)
    kept = values > LEAST_SHARE * values.max().clamp_min(0) if len(values) else values > 0
    values, vectors = values[kept][-count:], vectors[:, kept][:, -count:]
    return (vectors / values.sqrt()).to(rows.dtype).T @ rows


def clipped_in_units(
    recognizer: Recognizer, batch: Sequence[Example], threshold: float
) -> Gradients:
    """Return the sum of gradients cut to a threshold, in units of it: each has norm 1 at most.

    The clipping of Abadi et al. (2016), without a loop over examples.
    """
    total = zeros(recognizer)
    for gradients, norms in on_tape(recognizer, batch):
        for parameter, sum_ in weighted_sums(gradients, 1 / norms.clamp_min(threshold)):
            total[parameter] += sum_
    return total


def on_tape(
    recognizer: Recognizer, batch: Sequence[Example]
) -> Iterator[tuple[list[tuple[Use, Tensor]], Tensor]]:
    """Yield uses with gradients, and norms (B,), of physical batches of similar lengths.

    Diverged examples are left out: one must not turn a sum, and with it the model, into NaN.

    Raises:
        OverheardError: the target has a layer that writes nothing on the tape.
    """
    parameters = trained_parameters(recognizer)
    by_length = sorted(batch, key=lambda e: len(e.features))
    for start in range(0, len(by_length), PHYSICAL_BATCH):
        chunk = by_length[start : start + PHYSICAL_BATCH]
        while chunk:
            with recording(parameters) as tape:
                losses = recognizer.example_nll(chunk)
            if {id(p) for use in tape.uses for p in use.parameters} != set(map(id, parameters)):
                raise OverheardError(
                    "the target has a layer that writes nothing on the tape of per-example "
                    "gradients; build it from the layers of targets.nn, or train under dpsgd"
                )
            gradients = tape.gradients(losses)
            norms = square_norms(gradients).sqrt()
            finite = torch.isfinite(norms).tolist()
            if all(finite):
                yield gradients, norms
                break
            chunk = [example for example, sound in zip(chunk, finite, strict=True) if sound]


def drawn(speech: Sequence[Example], count: int, generator: np.random.Generator) -> list[Example]:
    """Return `count` of the speech by chance, or all where there is less."""
    places = generator.permutation(len(speech))[:count]
    return [speech[place] for place in places]
