"""A tape of how each parameter was used, from which per-example gradients are read.

Inside `recording()` the layers of `targets.nn.layers` detach their parameters and note their
inputs, and where the gradient of their output arrives. One backward pass to those places then
holds everything: the gradient of example i for a linear layer is g_iᵀ a_i, with a the input (T, I)
and g the gradient of the output (T, O). Norms come from it without a loop over examples, and the
clipped sum is one more product (the book-keeping of Bu et al. 2022, arXiv 2210.00038, here also for
recurrent layers: the gradient of the gates' input is all that a recurrent weight needs).

Every parameter must be used once in a forward pass, and example i's loss must depend on example i
alone: no batch normalisation. A tape may be asked for some parameters alone; what is below the
first of them is then computed without a graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from targets.core.errors import OverheardError
from targets.core.memory import keep_freed_memory

SHORT = (torch.bfloat16, torch.float16)
ROUNDING = 1e-6  # relative error of single-precision products of a few hundred terms

Named = list[tuple[Tensor, Tensor]]


class Use(Protocol):
    """One use of one or two parameters in a forward pass over B examples.

    A `gradient` is always that of the use's output.
    """

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """What was used."""
        ...

    def square_norms(self, gradient: Tensor) -> Tensor:
        """Return the squared norms (B,) of the per-example gradients."""
        ...

    def weighted_sums(self, gradient: Tensor, weights: Tensor) -> Named:
        """Return each parameter with the sum over i of `weights[i]` times example i's gradient."""
        ...

    def per_example(self, gradient: Tensor) -> Named:
        """Return each parameter with its per-example gradients (B, *shape)."""
        ...


@dataclass(frozen=True, eq=False)
class Kept:
    """Per-example gradients of a use, kept from the norms for the sum.

    To weigh them costs less than to compute them from all frames once more.
    """

    # By the gradient of the output that they follow from.
    pairs: dict[Tensor, Named] = field(default_factory=dict, repr=False)

    def square_norms(self, use: Use, gradient: Tensor) -> Tensor:
        """Return the squared norms (B,), and keep what they are of."""
        self.pairs[gradient] = use.per_example(gradient)
        return _square_norms(self.pairs[gradient])

    def weighted_sums(self, use: Use, gradient: Tensor, weights: Tensor) -> Named:
        """Return the sums of what was kept, or else of what is computed now."""
        pairs = self.pairs.get(gradient) or use.per_example(gradient)
        return [(p, torch.tensordot(weights, g, 1)) for p, g in pairs]


@dataclass(frozen=True, eq=False)
class BiasUse:
    """`output = ... + bias`; output (B, T, O). What is left of a use whose weight is frozen."""

    bias: Tensor
    kept: Kept = field(default_factory=Kept, kw_only=True)

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """See `Use`."""
        return (self.bias,)

    def per_example(self, gradient: Tensor) -> Named:
        """See `Use`."""
        return [(self.bias, gradient.sum(1))]

    def square_norms(self, gradient: Tensor) -> Tensor:
        """See `Use`."""
        return self.kept.square_norms(self, gradient)

    def weighted_sums(self, gradient: Tensor, weights: Tensor) -> Named:
        """See `Use`."""
        return self.kept.weighted_sums(self, gradient, weights)


@dataclass(frozen=True, eq=False)
class LinearUse:
    """`output[..., columns] += activation @ weight.T + bias`; activation (B, T, I)."""

    weight: Tensor
    bias: Tensor | None
    activation: Tensor
    columns: slice = field(default_factory=lambda: slice(None))
    kept: Kept = field(default_factory=Kept, kw_only=True)

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """See `Use`."""
        return (self.weight,) if self.bias is None else (self.weight, self.bias)

    def per_example(self, gradient: Tensor) -> Named:
        """See `Use`."""
        gradient = gradient[..., self.columns]
        pairs: Named = [(self.weight, gradient.transpose(1, 2) @ self.activation)]
        return pairs if self.bias is None else [*pairs, (self.bias, gradient.sum(1))]

    def square_norms(self, gradient: Tensor) -> Tensor:
        """See `Use`."""
        T, wide = self.activation.shape[1], self.weight.numel()
        if T * sum(self.weight.shape) >= wide:
            return self.kept.square_norms(self, gradient)
        # Ghost norm: two (T, T) Gram matrices are cheaper than the gradient itself.
        gradient = gradient[..., self.columns]
        gram = self.activation @ self.activation.transpose(1, 2)
        if self.bias is not None:
            gram += 1  # a bias is a weight on a constant input of one
        other = gradient @ gradient.transpose(1, 2)
        # Where steps cancel, rounding could make the sum too small, and a clipped gradient then
        # larger than it may be: err on the other side, by the size of what was added up.
        sizes = (gram.diagonal(dim1=1, dim2=2) * other.diagonal(dim1=1, dim2=2)).clamp_min(0)
        slack = ROUNDING * sizes.sqrt().sum(1).square()
        return gram.mul_(other).sum((1, 2)).clamp_min(0) + slack

    def weighted_sums(self, gradient: Tensor, weights: Tensor) -> Named:
        """See `Use`."""
        if gradient in self.kept.pairs:
            return self.kept.weighted_sums(self, gradient, weights)
        frames = weights.repeat_interleave(gradient.shape[1])  # each weighs as its example does
        left, right = gradient[..., self.columns].flatten(0, 1), self.activation.flatten(0, 1)
        sums: Named = [] if self.bias is None else [(self.bias, frames @ left)]
        if left.shape[1] > right.shape[1]:  # the narrower of both is weighed
            right = right * frames[:, None]
        else:
            left = left * frames[:, None]
        return [(self.weight, left.T @ right), *sums]


@dataclass(frozen=True, eq=False)
class EmbeddingUse:
    """`output = weight[labels]`; labels (B, U) of integers, output (B, U, D)."""

    weight: Tensor
    labels: Tensor

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """See `Use`."""
        return (self.weight,)

    def per_example(self, gradient: Tensor) -> Named:
        """See `Use`."""
        B, _, D = gradient.shape
        sums = gradient.new_zeros(B, self.weight.shape[0], D)
        return [
            (
                self.weight,
                sums.scatter_add_(1, self.labels[..., None].expand_as(gradient), gradient),
            )
        ]

    def square_norms(self, gradient: Tensor) -> Tensor:
        """See `Use`."""
        return _square_norms(self.per_example(gradient))

    def weighted_sums(self, gradient: Tensor, weights: Tensor) -> Named:
        """See `Use`."""
        scaled = (gradient * weights[:, None, None]).flatten(0, 1)
        return [
            (
                self.weight,
                torch.zeros_like(self.weight).index_add_(0, self.labels.flatten(), scaled),
            )
        ]


@dataclass(frozen=True, eq=False)
class ScaleUse:
    """`output = (inputs - mean) * scale * gain + bias`.

    Inputs and output are (B, T, D), mean and scale (B, T, 1).
    """

    gain: Tensor
    bias: Tensor
    inputs: Tensor
    mean: Tensor
    scale: Tensor
    kept: Kept = field(default_factory=Kept, kw_only=True)

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """See `Use`."""
        return (self.gain, self.bias)

    def per_example(self, gradient: Tensor) -> Named:
        """See `Use`."""
        normalised = (self.inputs - self.mean).mul_(self.scale)
        return [(self.gain, normalised.mul_(gradient).sum(1)), (self.bias, gradient.sum(1))]

    def square_norms(self, gradient: Tensor) -> Tensor:
        """See `Use`."""
        return self.kept.square_norms(self, gradient)

    def weighted_sums(self, gradient: Tensor, weights: Tensor) -> Named:
        """See `Use`."""
        return self.kept.weighted_sums(self, gradient, weights)


@dataclass(frozen=True, eq=False)
class TapsUse:
    """`output[:, t] = sum over k of padded[:, t + k * d] * weight[:, k] + bias`, in each channel.

    weight (C, K), padded (B, T + (K - 1) * d, C), output (B, T, C); d is `dilation`.
    """

    weight: Tensor
    bias: Tensor
    padded: Tensor
    dilation: int = 1
    kept: Kept = field(default_factory=Kept, kw_only=True)

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """See `Use`."""
        return (self.weight, self.bias)

    def per_example(self, gradient: Tensor) -> Named:
        """See `Use`."""
        T, taps = gradient.shape[1], self.weight.shape[1]
        firsts = range(0, taps * self.dilation, self.dilation)
        each = [torch.linalg.vecdot(gradient, self.padded[:, k : k + T], dim=1) for k in firsts]
        return [(self.weight, torch.stack(each, -1)), (self.bias, gradient.sum(1))]

    def square_norms(self, gradient: Tensor) -> Tensor:
        """See `Use`."""
        return self.kept.square_norms(self, gradient)

    def weighted_sums(self, gradient: Tensor, weights: Tensor) -> Named:
        """See `Use`."""
        return self.kept.weighted_sums(self, gradient, weights)


def _square_norms(pairs: Named) -> Tensor:
    # Row by row: the squares are never stored, and a row is short enough to lose no digits.
    rows = [torch.linalg.vector_norm(g, dim=-1).view(len(g), -1) for _, g in pairs]
    return torch.stack([r.square().sum(1) for r in rows]).sum(0)


@dataclass(frozen=True)
class Tape:
    """The uses of one forward pass, in order; where `only` is given, of those parameters alone.

    `only` holds the identities of parameters.
    """

    uses: list[Use] = field(default_factory=list)
    # Where the gradients of the uses' outputs are read. Not the outputs themselves: what the way
    # back has no more need of is then let go while it is under way.
    outputs: list[GradientEdge] = field(default_factory=list)
    only: frozenset[int] | None = None

    def note(self, use: Use, output: Tensor) -> None:
        """Keep a use that is asked for, and make its output a point where gradients are read.

        Raises:
            OverheardError: the layer computed the output in less than single precision.
        """
        if self.only is not None and not self.only.issuperset(map(id, use.parameters)):
            bias: Tensor | None = getattr(use, "bias", None)
            if bias is None or id(bias) not in self.only:
                return
            use = BiasUse(bias)
        if output.dtype in SHORT:
            raise OverheardError(
                "a layer of the target gives numbers of 16 bits, of which norms can come out too "
                "small: compute in single precision what per-example gradients are read from"
            )
        if not output.requires_grad:
            output.requires_grad_()  # nothing trainable below it: the graph starts here
        self.uses.append(use)
        self.outputs.append(get_gradient_edge(output))

    def gradients(self, losses: Tensor) -> list[tuple[Use, Tensor]]:
        """Return every use with the gradient of its output, by one backward pass.

        `losses` is (B,), one per example; the gradient of their sum holds each example's own.
        """
        return list(zip(self.uses, torch.autograd.grad(losses.sum(), self.outputs), strict=True))


_current: ContextVar[Tape | None] = ContextVar("tape", default=None)


def current_tape() -> Tape | None:
    """Return the tape that is recording, if any."""
    return _current.get()


@contextmanager
def recording(only: Iterable[Tensor] | None = None) -> Iterator[Tape]:
    """Record how parameters, all or `only` these, are used by every layer called inside."""
    keep_freed_memory()  # what a tape held is freed at once, and the next one holds as much
    tape = Tape(only=None if only is None else frozenset(map(id, only)))
    token = _current.set(tape)
    try:
        yield tape
    finally:
        _current.reset(token)


def square_norms(gradients: list[tuple[Use, Tensor]]) -> Tensor:
    """Return the squared per-example gradient norms (B,) over all parameters."""
    return torch.stack([use.square_norms(gradient) for use, gradient in gradients]).sum(0)


def weighted_sums(gradients: list[tuple[Use, Tensor]], weights: Tensor) -> Named:
    """Return for every parameter the sum over examples of `weights` (B,) times the gradient."""
    return [pair for use, gradient in gradients for pair in use.weighted_sums(gradient, weights)]
