"""The same recogniser in layers that Opacus can handle, and its two ways to a clipped sum.

Every weight has its counterpart and the loss is the same function; only DPLSTM's second bias,
which ours has not, stays frozen at zero. So times compare like with like, and Opacus is an
oracle for our per-example norms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from opacus.grad_sample import GradSampleModule, GradSampleModuleFastGradientClipping
from opacus.layers import DPLSTM
from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPTensorFastGradientClipping
from torch import Tensor, nn

from defenses.dpsgd.clipping import PHYSICAL_BATCH
from targets.models.recognizer import Example, Recognizer
from targets.nn.layers import LSTM, Convolution, Depthwise, Embedding, LayerNorm, Linear
from tests.bench.twins import (
    Kinds,
    TurnedLSTM,
    TwinConvolution,
    TwinDepthwise,
    embedding,
    layer_norm,
    linear,
    twin_of,
)

Batch = Sequence[Example]
# Opacus hooks the network's first layers too, whose inputs need no gradient; torch finds it odd.
HARMLESS = "ignore:Full backward hook is firing when gradients are computed"


class TwinLinear(nn.Module):
    """A linear map of (B, ..., I) whose layer sees three dimensions, all that ghost norms know."""

    def __init__(self, ours: Linear) -> None:
        super().__init__()
        self.linear = linear(ours)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1, -2)).view(*x.shape[:-1], -1)


OPACUS: Kinds = {
    Linear: TwinLinear,
    Embedding: embedding,
    LayerNorm: layer_norm,
    Convolution: TwinConvolution,
    Depthwise: TwinDepthwise,
    # No packed sequences: they reorder the batch inside `DPLSTM`, and norms are then added up of
    # different examples.
    LSTM: partial(TurnedLSTM, layer=DPLSTM),
}


def physical(batch: Batch) -> list[Batch]:
    """Return a batch in parts of similar lengths, as `defenses.dpsgd.clipping` cuts it."""
    by_length = sorted(batch, key=lambda e: len(e.features))
    return [by_length[i : i + PHYSICAL_BATCH] for i in range(0, len(by_length), PHYSICAL_BATCH)]


def hooks_step(recognizer: Recognizer, clip: float) -> Callable[[Batch], list[Tensor]]:
    """Return Opacus's clipped sum by per-example gradients, kept for every parameter."""
    twin = twin_of(recognizer, OPACUS)
    network = GradSampleModule(twin.network, loss_reduction="sum")
    optimizer = DPOptimizer(_unmoved(network), expected_batch_size=1, **_settings(clip))

    def step(batch: Batch) -> list[Tensor]:
        optimizer.zero_grad()
        for part in physical(batch):
            twin.example_nll(part).sum().backward()
            optimizer.clip_and_accumulate()
            for parameter in optimizer.params:
                parameter.grad_sample = None
        return [parameter.summed_grad for parameter in optimizer.params]

    return step


def ghost_step(recognizer: Recognizer, clip: float) -> Callable[[Batch], list[Tensor]]:
    """Return Opacus's clipped sum by ghost norms: two backward passes."""
    twin = twin_of(recognizer, OPACUS)
    network = GradSampleModuleFastGradientClipping(
        twin.network, max_grad_norm=clip, loss_reduction="sum"
    )
    optimizer = DPOptimizerFastGradientClipping(
        _unmoved(network), expected_batch_size=1, **_settings(clip)
    )

    def step(batch: Batch) -> list[Tensor]:
        sums = [torch.zeros_like(parameter) for parameter in optimizer.params]
        for part in physical(batch):
            losses = twin.example_nll(part)
            DPTensorFastGradientClipping(network, optimizer, losses, "sum").backward()
            # Not by the optimizer: before the second backward pass it forgets earlier parts.
            for total, parameter in zip(sums, optimizer.params, strict=True):
                total += parameter.grad
                parameter.grad = None
        return sums

    return step


def _unmoved(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.0)


def _settings(clip: float) -> dict[str, float | str]:
    return {"noise_multiplier": 0.0, "max_grad_norm": clip, "loss_reduction": "sum"}
