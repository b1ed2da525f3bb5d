"""A recogniser with its layers replaced by others of the same function and the same weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from defenses.dpsgd.clipping import trained_parameters
from targets.models.recognizer import Recognizer
from targets.nn.layers import LSTM, Convolution, Depthwise, Embedding, LayerNorm, Linear

Kinds = Mapping[type[nn.Module], Callable[[Any], nn.Module]]
# Whose LSTMs begin anew within a row, which those of torch and Opacus cannot.
WITHOUT_TWIN = ("multitalker",)
DIRECTIONS = ("", "_reverse")  # how `nn.LSTM` names their weights


def twin_of(recognizer: Recognizer, kinds: Kinds) -> Recognizer:
    """Return a recogniser of the same function, whose layers of each of `kinds` are replaced."""
    twin = deepcopy(recognizer)
    _replace(twin.network, kinds)
    return twin


def _replace(module: nn.Module, kinds: Kinds) -> None:
    for name, child in module.named_children():
        made = kinds[type(child)](child) if type(child) in kinds else child
        if not any(p.requires_grad for p in child.parameters()):
            made.requires_grad_(False)
        setattr(module, name, made)
        _replace(made, kinds)


def layout(recognizer: Recognizer, kinds: Kinds) -> Tensor:
    """Return where each trained number of a twin (P,) stands among those of its original.

    `gradients_of_the_original[layout]` are then those of the twin, entry for entry.
    """
    numbered, at = deepcopy(recognizer), 0
    with torch.no_grad():
        for p in trained_parameters(numbered):
            p.copy_(torch.arange(at, at + p.numel()).view_as(p))
            at += p.numel()
    assert at < 2**24, "a single-precision number counts no further"
    twin = twin_of(numbered, kinds)
    return torch.cat([p.detach().flatten() for p in trained_parameters(twin)]).long()


def linear(ours: Linear) -> nn.Linear:
    """Return a linear map by torch's own layer."""
    made = nn.Linear(ours.in_features, ours.out_features, ours.bias is not None)
    made.load_state_dict(ours.state_dict())
    return made


def embedding(ours: Embedding) -> nn.Embedding:
    """Return vectors of label numbers by torch's own layer."""
    made = nn.Embedding(*ours.weight.shape)
    made.load_state_dict(ours.state_dict())
    return made


def layer_norm(ours: LayerNorm) -> nn.LayerNorm:
    """Return a normalisation of each frame by torch's own layer."""
    made = nn.LayerNorm(ours.normalized_shape)
    made.load_state_dict(ours.state_dict())
    return made


class TwinConvolution(Convolution):
    """A convolution over time by `Conv1d`."""

    def __init__(self, ours: Convolution) -> None:
        nn.Module.__init__(self)
        self.width, self.stride = ours.width, ours.stride
        inputs, outputs = ours.linear.in_features // ours.width, ours.linear.out_features
        self.layer = nn.Conv1d(inputs, outputs, ours.width, ours.stride, ours.width // 2)
        weight = ours.linear.weight.view(outputs, inputs, ours.width)
        self.layer.load_state_dict({"weight": weight, "bias": ours.linear.bias})

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.layer((x * mask).transpose(1, 2)).transpose(1, 2)


class TwinDepthwise(nn.Module):
    """A convolution of each channel by itself by `Conv1d` with a group for each."""

    def __init__(self, ours: Depthwise) -> None:
        super().__init__()
        channels, width = ours.weight.shape
        self.padding = (ours.before, ours.after)
        self.layer = nn.Conv1d(channels, channels, width, dilation=ours.dilation, groups=channels)
        self.layer.load_state_dict({"weight": ours.weight[:, None], "bias": ours.bias})

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.layer(F.pad((x * mask).transpose(1, 2), self.padding)).transpose(1, 2)


class TurnedLSTM(nn.Module):
    """An LSTM by one layer for each direction, the second on sequences turned round.

    A bidirectional layer of padded sequences would read the padding first. `layer` is `nn.LSTM`, or
    what is built and called as it is.
    """

    def __init__(self, ours: LSTM, layer: Callable[..., nn.Module] = nn.LSTM) -> None:
        super().__init__()
        self.lstms = nn.ModuleList()
        for d in range(ours.directions):
            lstm = layer(ours.input.in_features, ours.hidden, batch_first=True)
            _load(lstm, ours, {d: ""})
            self.lstms.append(lstm)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        states = [self.lstms[0](x)[0]]
        if len(self.lstms) == 2:
            steps = torch.arange(x.shape[1]).expand(x.shape[:2])
            counts = mask.sum(1).long()
            turned = torch.where(steps < counts, counts - 1 - steps, steps)[..., None]
            backward = self.lstms[1](x.gather(1, turned.expand_as(x)))[0]
            states.append(backward.gather(1, turned.expand_as(backward)))
        return torch.cat(states, -1) * mask


class PackedLSTM(nn.Module):
    """An LSTM by one `nn.LSTM` of both directions, on packed sequences."""

    def __init__(self, ours: LSTM) -> None:
        super().__init__()
        both = ours.directions == 2
        self.lstm = nn.LSTM(
            ours.input.in_features, ours.hidden, batch_first=True, bidirectional=both
        )
        _load(self.lstm, ours, dict(enumerate(DIRECTIONS[: ours.directions])))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        counts = mask.sum((1, 2)).long().cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            x, counts, batch_first=True, enforce_sorted=False
        )
        states, _ = self.lstm(packed)
        padded, _ = nn.utils.rnn.pad_packed_sequence(
            states, batch_first=True, total_length=x.shape[1]
        )
        return padded


def _load(lstm: nn.Module, ours: LSTM, names: Mapping[int, str]) -> None:
    """Give a layer the weights of some directions; its second bias, which ours has not, stays zero.

    `names` says how the layer calls each direction.
    """
    weights, size = {}, 4 * ours.hidden
    for d, name in names.items():
        rows = slice(d * size, (d + 1) * size)
        weights |= {
            f"weight_ih_l0{name}": _reordered(ours.input.weight[rows]),
            f"bias_ih_l0{name}": _reordered(ours.input.bias[rows]),
            f"weight_hh_l0{name}": _reordered(ours.recurrent[d]),
            f"bias_hh_l0{name}": torch.zeros(size),
        }
    lstm.load_state_dict(weights)
    for name in names.values():
        dict(lstm.named_parameters())[f"bias_hh_l0{name}"].requires_grad_(False)


def _reordered(gates: Tensor) -> Tensor:
    """Return the rows of the gates i, f, o, g in the order i, f, g, o."""
    i, f, o, g = gates.chunk(4)
    return torch.cat([i, f, g, o])
