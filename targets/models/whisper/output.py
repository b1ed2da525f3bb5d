"""Whisper's output map: from states of the decoder to losses, with a gradient at half the price.

The map has as many rows as there are labels, and is most of what a text costs. It is frozen, so
that the gradient of a loss to a state is computed with the loss, while the probabilities are there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

AT_ONCE = 256  # states, whose probabilities of all labels are in memory


class _Losses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, table: Tensor, labels: Tensor) -> Tensor:
        losses = states.new_empty(len(states))
        wanted = ctx.needs_input_grad[0]
        slopes = torch.empty_like(states) if wanted else states.new_empty(0)
        for first in range(0, len(states), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            log_probs = (states[part] @ table.T).log_softmax(1)
            losses[part] = -log_probs.gather(1, labels[part, None])[:, 0]
            if wanted:
                slopes[part] = log_probs.exp_() @ table - table[labels[part]]
        ctx.save_for_backward(slopes)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * gradients[0][:, None], None, None


def label_losses(states: Tensor, table: Tensor, labels: Tensor) -> Tensor:
    """Return minus the log-probability (N,) of each label after its state (N, D), in nats.

    `table` (V, D) is the frozen output map; no gradient goes to it.
    """
    return _Losses.apply(states, table, labels)


def log_totals(states: Tensor, table: Tensor) -> Tensor:
    """Return the logarithm (N,) of the sum of all labels' weights after each state (N, D)."""
    parts = [(part @ table.T).logsumexp(1) for part in states.split(AT_ONCE)]
    return torch.cat(parts) if parts else states.new_empty(0)
