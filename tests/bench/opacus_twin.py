"""The same recogniser in layers that Opacus can handle, and its two ways to a clipped sum.

Every weight has its counterpart and the loss is the same function; only DPLSTM's second bias,
which ours has not, stays frozen at zero. So times compare like with like, and Opacus is an
oracle for our per-example norms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
from opacus.grad_sample import GradSampleModule, GradSampleModuleFastGradientClipping
from opacus.layers import DPLSTM
from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
from opacus.utils.fast_gradient_clipping_utils import DPTensorFastGradientClipping
from torch import Tensor, nn
from torch.nn import functional as F

from defenses.dpsgd.clipping import PHYSICAL_BATCH
from targets.models.recognizer import Example, Recognizer
from targets.nn.layers import LSTM, Convolution, Depthwise, Embedding, LayerNorm, Linear

Batch = Sequence[Example]
# Opacus hooks the network's first layers too, whose inputs need no gradient; torch finds it odd.
HARMLESS = "ignore:Full backward hook is firing when gradients are computed"


class TwinLinear(nn.Module):
    """A linear map of (B, ..., I) whose layer sees three dimensions, all that ghost norms know."""

    def __init__(self, ours: Linear) -> None:
        super().__init__()
        self.linear = nn.Linear(ours.in_features, ours.out_features, ours.bias is not None)
        self.linear.load_state_dict(ours.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1, -2)).view(*x.shape[:-1], -1)


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


class TwinLSTM(nn.Module):
    """An LSTM by one `DPLSTM` for each direction, the second on sequences turned round.

    A bidirectional `DPLSTM` would read the padding first. Packed sequences would prevent that, but
    they reorder the batch inside the layer: norms are then added up of different examples.
    """

    def __init__(self, ours: LSTM) -> None:
        super().__init__()
        H = ours.hidden
        self.lstms = nn.ModuleList()
        for d, recurrent in enumerate(ours.recurrent):
            lstm = DPLSTM(ours.input.in_features, H, batch_first=True)
            rows = slice(d * 4 * H, (d + 1) * 4 * H)
            weights = {
                "weight_ih_l0": _reordered(ours.input.weight[rows]),
                "bias_ih_l0": _reordered(ours.input.bias[rows]),
                "weight_hh_l0": _reordered(recurrent),
                "bias_hh_l0": torch.zeros(4 * H),
            }
            lstm.load_state_dict(weights)
            dict(lstm.named_parameters())["bias_hh_l0"].requires_grad_(False)
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


def _reordered(gates: Tensor) -> Tensor:
    """Return the rows of the gates i, f, o, g in the order i, f, g, o."""
    i, f, o, g = gates.chunk(4)
    return torch.cat([i, f, g, o])


def twin_of(recognizer: Recognizer) -> Recognizer:
    """Return a recogniser of the same function, in layers for Opacus."""
    twin = deepcopy(recognizer)
    _replace_layers(twin.network)
    return twin


def _replace_layers(module: nn.Module) -> None:
    for name, child in module.named_children():
        match child:
            case Linear():
                new: nn.Module = TwinLinear(child)
            case Convolution():
                new = TwinConvolution(child)
            case Depthwise():
                new = TwinDepthwise(child)
            case LSTM():
                new = TwinLSTM(child)
            case Embedding() | LayerNorm():
                plain = nn.Embedding if isinstance(child, Embedding) else nn.LayerNorm
                new = plain(*child.weight.shape)
                new.load_state_dict(child.state_dict())
            case _:
                _replace_layers(child)
                continue
        if not any(p.requires_grad for p in child.parameters()):
            new.requires_grad_(False)
        setattr(module, name, new)


def physical(batch: Batch) -> list[Batch]:
    """Return a batch in parts of similar lengths, as `defenses.dpsgd.clipping` cuts it."""
    by_length = sorted(batch, key=lambda e: len(e.features))
    return [by_length[i : i + PHYSICAL_BATCH] for i in range(0, len(by_length), PHYSICAL_BATCH)]


def hooks_step(recognizer: Recognizer, clip: float) -> Callable[[Batch], list[Tensor]]:
    """Return Opacus's clipped sum by per-example gradients, kept for every parameter."""
    twin = twin_of(recognizer)
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
    twin = twin_of(recognizer)
    network = GradSampleModuleFastGradientClipping(
        twin.network, max_grad_norm=clip, loss_reduction="sum"
    )
    optimizer = DPOptimizerFastGradientClipping(
        _unmoved(network), expected_batch_size=1, **_settings(clip)
    )

    def step(batch: Batch) -> list[Tensor]:
        optimizer.zero_grad()
        for part in physical(batch):
            losses = twin.example_nll(part)
            DPTensorFastGradientClipping(network, optimizer, losses, "sum").backward()
            optimizer.accumulate()
            for parameter in optimizer.params:
                parameter.grad = None
        return [parameter.summed_grad for parameter in optimizer.params]

    return step


def _unmoved(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.0)


def _settings(clip: float) -> dict[str, float | str]:
    return {"noise_multiplier": 0.0, "max_grad_norm": clip, "loss_reduction": "sum"}
