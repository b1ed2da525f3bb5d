"""Sums of clipped per-example gradients: by the book, and without a loop over examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from targets.core.errors import OverheardError
from targets.models.recognizer import Example, Recognizer
from targets.nn.tape import Tape, recording, square_norms, weighted_sums

Gradients = dict[Tensor, Tensor]  # of every trained parameter
ClippedSum = Callable[[Recognizer, Sequence[Example], float], Gradients]
PHYSICAL_BATCH = 32  # examples in memory at once; the sum over more is the same


@dataclass(frozen=True)
class ClippedExamples:
    """A sum of the examples' gradients, each of norm at most `clip`: its sensitivity."""

    clipped_sum: ClippedSum
    clip: float

    def __post_init__(self) -> None:
        """Refuse a clip norm that would let no gradient through, or no noise.

        Raises:
            OverheardError: it is not a number above 0.
        """
        check_clip(self.clip)

    @property
    def sensitivity(self) -> float:
        """See `BoundedSum`."""
        return self.clip

    def __call__(self, recognizer: Recognizer, batch: Sequence[Example]) -> Gradients:
        """See `BoundedSum`."""
        return self.clipped_sum(recognizer, batch, self.clip)


def check_clip(clip: float) -> None:
    """Raise OverheardError unless a clip norm is a number above 0."""
    if not 0 < clip < math.inf:
        raise OverheardError(f"clip is {clip:g}; give a number above 0")


def trained_parameters(recognizer: Recognizer) -> list[Tensor]:
    """Return the parameters that training moves: all that are not frozen."""
    return [p for p in recognizer.network.parameters() if p.requires_grad]


def zeros(recognizer: Recognizer) -> Gradients:
    """Return a zero gradient for every trained parameter."""
    return {p: torch.zeros_like(p) for p in trained_parameters(recognizer)}


def clipped_sum_one_by_one(
    recognizer: Recognizer, batch: Sequence[Example], clip: float
) -> Gradients:
    """Return the sum of the examples' gradients, each cut to norm `clip` over all parameters.

    The definition (Abadi et al. 2016, algorithm 1), one example at a time.
    """
    total = zeros(recognizer)
    for example in batch:
        loss = recognizer.example_nll([example])[0]
        gradients = torch.autograd.grad(loss, list(total))
        none = torch.zeros((), device=loss.device)
        norm = torch.sqrt(sum((g.square().sum() for g in gradients), none))
        # A diverged example must not turn the sum, and with it the model, into NaN.
        factor = torch.nan_to_num(clip / norm.clamp_min(clip), nan=0.0)
        for sum_, gradient in zip(total.values(), gradients, strict=True):
            sum_ += torch.nan_to_num(gradient, posinf=0.0, neginf=0.0) * factor
    return total


def normalised_sum(recognizer: Recognizer, batch: Sequence[Example], clip: float) -> Gradients:
    """Return the sum of the examples' gradients, each scaled to a norm just below `clip`.

    Automatic clipping (Bu et al. 2023, arXiv 2206.07136): gradient / (norm + 0.01), so that no
    threshold has to be tuned. All examples together, in physical batches, from a tape.
    """
    total = zeros(recognizer)
    by_length = sorted(batch, key=lambda e: len(e.features))
    for start in range(0, len(by_length), PHYSICAL_BATCH):
        _add_normalised(recognizer, by_length[start : start + PHYSICAL_BATCH], clip, total)
    return total


def _add_normalised(
    recognizer: Recognizer, batch: Sequence[Example], clip: float, total: Gradients
) -> None:
    with recording(total) as tape:
        losses = recognizer.example_nll(batch)
    _check_all_recorded(recognizer, tape)
    gradients = tape.gradients(losses)
    norms = square_norms(gradients).sqrt()
    sound = torch.isfinite(norms).tolist()
    if not all(sound):
        # A diverged example must not turn the sum, and with it the model, into NaN; and since
        # zero times NaN is NaN, it has to leave the batch.
        rest = [example for example, finite in zip(batch, sound, strict=True) if finite]
        if rest:
            _add_normalised(recognizer, rest, clip, total)
        return
    for parameter, sum_ in weighted_sums(gradients, clip / (norms + 0.01)):
        total[parameter] += sum_


def _check_all_recorded(recognizer: Recognizer, tape: Tape) -> None:
    # A parameter that is on no tape would keep a gradient of zero, and never learn.
    known = {id(parameter) for use in tape.uses for parameter in use.parameters}
    trained = ((n, p) for n, p in recognizer.network.named_parameters() if p.requires_grad)
    lost = [n for n, p in trained if id(p) not in known]
    if lost:
        raise OverheardError(
            f"the target's {', '.join(lost[:3])}: of a layer that writes nothing on the tape of "
            f"per-example gradients; build it from the layers of targets.nn, or train under dpsgd"
        )
