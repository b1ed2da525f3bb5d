"""The layers of E models of one kind, each computed for all of them in one pass.

The batch is flat and ordered by model: the first B of its E * B rows are the first model's, and
so on. Only these layers know of it. Every other operation of a network treats each row by itself
(the tape of `targets.nn.tape` asks for the same), so that a network computes E models unchanged.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.nn.layers import LSTM, Depthwise, Embedding, LayerNorm, Linear, _flip, _Recurrence
from targets.nn.precision import linear_of_each

Network = TypeVar("Network", bound=nn.Module)


def stacked(network: Network, weights: Mapping[str, Tensor]) -> Network:
    """Return the network of E models in one, with all their weights (E, *shape) by name.

    The weights are not copied: what trains the result changes them.
    """
    models = len(next(iter(weights.values())))
    whole = copy.deepcopy(network)
    for name, layer in network.named_modules():
        if type(layer) in _KINDS:
            whole.set_submodule(name, _KINDS[type(layer)](layer, models))
    whole.load_state_dict(dict(weights), assign=True)
    return whole


def _place(weight: Tensor, models: int) -> nn.Parameter:
    """Return where E weights like this one belong, frozen if it is."""
    place = weight.new_empty(models, *weight.shape, device="meta")
    return nn.Parameter(place, requires_grad=weight.requires_grad)


class _StackedLinear(nn.Module):
    """A linear map of the last dimension of (E * B, ..., I) for each model."""

    def __init__(self, layer: Linear, models: int) -> None:
        super().__init__()
        self.weight = _place(layer.weight, models)
        self.bias = None if layer.bias is None else _place(layer.bias, models)

    def forward(self, x: Tensor) -> Tensor:
        """Return (E * B, ..., O)."""
        rows, maps = x.reshape(len(self.weight), -1, x.shape[-1]), self.weight.transpose(1, 2)
        y = linear_of_each(rows, maps, self.bias)
        return y.view(*x.shape[:-1], -1)


class _StackedEmbedding(nn.Module):
    """Vectors of label numbers, of each model its own."""

    def __init__(self, layer: Embedding, models: int) -> None:
        super().__init__()
        self.weight = _place(layer.weight, models)

    def forward(self, labels: Tensor) -> Tensor:
        """Return (E * B, ..., D) of labels (E * B, ...)."""
        E, V, _ = self.weight.shape
        firsts = torch.arange(0, E * V, V, device=labels.device)
        first = firsts.repeat_interleave(len(labels) // E)
        places = labels + first.view(-1, *[1] * (labels.dim() - 1))
        return F.embedding(places, self.weight.flatten(0, 1))


class _StackedLayerNorm(nn.Module):
    """Normalisation of each frame by itself, scaled and shifted as each model likes."""

    def __init__(self, layer: LayerNorm, models: int) -> None:
        super().__init__()
        self.eps = layer.eps
        self.weight, self.bias = _place(layer.weight, models), _place(layer.bias, models)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape as x (E * B, T, D)."""
        E, D = self.weight.shape
        normalised = F.layer_norm(x, (D,), eps=self.eps).view(E, -1, D)
        return torch.addcmul(self.bias[:, None], normalised, self.weight[:, None]).view_as(x)


class _StackedDepthwise(nn.Module):
    """A convolution over time of each channel of each model by itself."""

    def __init__(self, layer: Depthwise, models: int) -> None:
        super().__init__()
        self.dilation, self.before, self.after = layer.dilation, layer.before, layer.after
        self.weight, self.bias = _place(layer.weight, models), _place(layer.bias, models)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the same shape as x (E * B, T, C)."""
        E, C, _ = self.weight.shape
        padded = F.pad(x * mask, (0, 0, self.before, self.after))
        # The channels of all models beside each other, so that one call convolves them all.
        rows = padded.view(E, -1, *padded.shape[1:]).permute(1, 0, 3, 2).flatten(1, 2)
        weight, bias = self.weight.flatten(0, 1)[:, None], self.bias.flatten()
        y = F.conv1d(rows, weight, bias, dilation=self.dilation, groups=E * C)
        return y.unflatten(1, (E, C)).permute(1, 0, 3, 2).reshape_as(x)


class _StackedLSTM(nn.Module):
    """The LSTM of each model: their recurrences are directions of one."""

    def __init__(self, layer: LSTM, models: int) -> None:
        super().__init__()
        self.hidden, self.directions = layer.hidden, layer.directions
        self.input = layer.input  # `stacked` comes to it after this layer
        self.recurrent = nn.ParameterList(_place(weight, models) for weight in layer.recurrent)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return states (E * B, T, directions * H) of x (E * B, T, I)."""
        E, D, H, T = len(self.recurrent[0]), self.directions, self.hidden, x.shape[1]
        weights = torch.stack(list(self.recurrent)).flatten(0, 1).transpose(1, 2)
        steps = self.input(x).view(E, -1, T, D, 4 * H).permute(2, 3, 0, 1, 4)
        times = mask.view(E, 1, -1, T, 1).expand(E, D, -1, T, 1).permute(3, 1, 0, 2, 4)
        states = _Recurrence.apply(_flip(steps).flatten(1, 2), weights, _flip(times).flatten(1, 2))
        states = _flip(states.unflatten(1, (D, E)))
        return states.permute(2, 3, 0, 1, 4).reshape(len(x), T, D * H)

    def step(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """See `LSTM.step`."""
        h, c = state
        (weight,) = self.recurrent
        back = torch.bmm(h.view(len(weight), -1, self.hidden), weight.transpose(1, 2))
        i, f, o, g = (self.input(x) + back.view(len(x), -1)).split(self.hidden, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, (h, c)

    def start(self, n: int) -> tuple[Tensor, Tensor]:
        """Return the state before the first step, for n sequences in all."""
        zeros = self.recurrent[0].new_zeros(n, self.hidden)
        return zeros, zeros


_KINDS: Mapping[type, type] = {
    Linear: _StackedLinear,
    Embedding: _StackedEmbedding,
    LayerNorm: _StackedLayerNorm,
    Depthwise: _StackedDepthwise,
    LSTM: _StackedLSTM,
}
