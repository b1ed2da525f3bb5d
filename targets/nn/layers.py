"""The layers all targets are made of: each knows how to write itself on a tape.

Sequences are padded at the end; `mask` is (B, T, 1), one where the sequence is real. Every layer
gives an utterance the same output alone as inside a padded batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from targets.nn.precision import linear
from targets.nn.tape import EmbeddingUse, LinearUse, ScaleUse, TapsUse, current_tape


def sequence_mask(counts: Tensor, length: int) -> Tensor:
    """Return (B, length, 1): one for the first `counts[b]` steps, zero after."""
    steps = torch.arange(length, device=counts.device)
    return (steps < counts[:, None]).unsqueeze(-1).float()


def padded_labels(labels: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return transcripts as one batch (B, U) on a device, padded with zeros, and lengths (B,)."""
    lengths = torch.tensor([len(row) for row in labels], device=device)
    longest = max(map(len, labels))
    rows = [[*row, *[0] * (longest - len(row))] for row in labels]
    return torch.tensor(rows, dtype=torch.long, device=device).view(len(labels), longest), lengths


class Linear(nn.Linear):
    """A linear map of the last dimension of (B, ..., I)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, ..., O)."""
        tape = current_tape()
        if tape is None:
            return linear(x, self.weight, self.bias)
        rows = x.flatten(1, -2)
        bias = None if self.bias is None else self.bias.detach()
        y = linear(rows, self.weight.detach(), bias)
        tape.note(LinearUse(self.weight, self.bias, rows.detach()), y)
        return y.view(*x.shape[:-1], -1)


class Convolution(nn.Module):
    """A convolution over time, as a linear map of `width` neighbouring frames every `stride`."""

    def __init__(self, inputs: int, outputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.width, self.stride = width, stride
        self.linear = Linear(inputs * width, outputs)

    def counts(self, counts: Tensor) -> Tensor:
        """Return how many frames are left of `counts`."""
        return (counts + self.stride - 1) // self.stride

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return (B, ceil(T / stride), O) of x (B, T, I)."""
        x = F.pad(x * mask, (0, 0, self.width // 2, self.width // 2))
        return self.linear(_Windows.apply(x, self.width, self.stride))


class _Windows(torch.autograd.Function):
    """Windows of frames, side by side.

    Its own backward pass: a sum for each place in a window takes half the time of torch's own.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, width: int, stride: int) -> Tensor:
        """Return windows (B, N, I * width) of x (B, T, I), one every `stride` frames."""
        ctx.shape, ctx.width, ctx.stride = x.shape, width, stride
        return x.unfold(1, width, stride).flatten(2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of x."""
        windows = gradients[0].unflatten(2, (-1, ctx.width))
        reach = (windows.shape[1] - 1) * ctx.stride + 1
        dx = windows.new_zeros(ctx.shape)
        for place in reversed(range(ctx.width)):  # a frame's sum begins with its first window
            dx[:, place : place + reach : ctx.stride] += windows[..., place]
        return dx, None, None


class Embedding(nn.Embedding):
    """Vectors of label numbers."""

    def forward(self, labels: Tensor) -> Tensor:
        """Return (B, U, D) of labels (B, U)."""
        tape = current_tape()
        if tape is None:
            return super().forward(labels)
        y = F.embedding(labels, self.weight.detach())
        tape.note(EmbeddingUse(self.weight, labels), y)
        return y


class LayerNorm(nn.LayerNorm):
    """Normalisation of each frame by itself: no example touches another."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape as x (B, T, D)."""
        tape = current_tape()
        if tape is None:
            return super().forward(x)
        weight, bias = self.weight.detach(), self.bias.detach()
        y, mean, scale = torch.native_layer_norm(x, self.normalized_shape, weight, bias, self.eps)
        tape.note(ScaleUse(self.weight, self.bias, x.detach(), mean.detach(), scale.detach()), y)
        return y


class Depthwise(nn.Module):
    """A convolution over time of each channel by itself.

    An output sees `width` frames around its own, `dilation` apart; a `causal` one sees its own and
    those before it.
    """

    def __init__(self, channels: int, width: int, *, causal: bool, dilation: int = 1) -> None:
        super().__init__()
        reach = (width - 1) * dilation
        self.dilation, self.before = dilation, reach if causal else reach // 2
        self.after = reach - self.before
        bound = 1 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(channels, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the same shape as x (B, T, C)."""
        padded = F.pad(x * mask, (0, 0, self.before, self.after))
        tape = current_tape()
        weight, bias = (p.detach() if tape else p for p in (self.weight, self.bias))
        y = F.conv1d(
            padded.transpose(1, 2),
            weight[:, None],
            bias,
            dilation=self.dilation,
            groups=len(weight),
        ).transpose(1, 2)
        if tape:
            tape.note(TapsUse(self.weight, self.bias, padded.detach(), self.dilation), y)
        return y


class _Recurrence(torch.autograd.Function):
    """The recurrent part of an LSTM, for several directions at once.

    Its own backward pass, since autograd through a Python loop costs several times as much, and
    since the gradient of the gates' input, which the tape needs, falls out of it.
    """

    @staticmethod
    def forward(ctx: Any, gates: Tensor, weights: Tensor, mask: Tensor) -> Tensor:
        """Return states (T, D, B, H) of gates (T, D, B, 4H).

        Weights are (D, H, 4H), the mask is (T, D, B, 1).
        """
        T, D, B, H = *gates.shape[:3], weights.shape[1]
        states, cells, tanhs = (gates.new_empty(T, D, B, H) for _ in range(3))
        activations = torch.empty_like(gates)
        h = c = gates.new_zeros(D, B, H)
        added = torch.empty_like(c)
        # Views of all steps are made at once: one by one they take time of their own.
        parts = (activations[..., : 3 * H], *activations.split(H, -1))
        times = (gates, activations, *parts, cells, tanhs, states, mask)
        for gate, a, ifo, i, f, o, g, cell, tanh, state, real in zip(
            *map(torch.unbind, times), strict=True
        ):
            torch.baddbmm(gate, h, weights, out=a)
            ifo.sigmoid_()
            g.tanh_()
            torch.mul(f, c, out=cell)
            cell += torch.mul(i, g, out=added)
            c = cell.mul_(real)
            torch.tanh(c, out=tanh)
            h = torch.mul(o, tanh, out=state).mul_(real)
        ctx.save_for_backward(activations, states, cells, tanhs, weights, mask)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        """Return the gradients of gates and weights."""
        (incoming,) = gradients
        activations, states, cells, tanhs, weights, mask = ctx.saved_tensors
        T, D, B, H = states.shape
        back = weights.transpose(1, 2)
        ifo, (i, f, o, g) = activations[..., : 3 * H], activations.split(H, -1)
        # What does not depend on the step before is computed for all steps at once.
        slope_i, slope_f, slope_o = (ifo * (1 - ifo)).mul_(mask).split(H, -1)
        previous = torch.cat([torch.zeros_like(cells[:1]), cells[:-1]])
        to_i, to_f, to_o = g * slope_i, previous * slope_f, tanhs * slope_o
        to_g = (i * (1 - g.square())).mul_(mask)
        to_c = (o * (1 - tanhs.square())).mul_(mask)
        out = torch.empty_like(activations)
        dh = dc = torch.zeros_like(states[0])
        parts = (out, *out.split(H, -1), to_i, to_f, to_o, to_g, to_c, f * mask, incoming)
        steps = zip(*map(torch.unbind, parts), strict=True)
        for d, d_i, d_f, d_o, d_g, by_i, by_f, by_o, by_g, by_c, keep, seen in reversed([*steps]):
            dh = dh + seen
            dc = torch.addcmul(dc, dh, by_c)
            torch.mul(dc, by_i, out=d_i)
            torch.mul(dc, by_f, out=d_f)
            torch.mul(dh, by_o, out=d_o)
            torch.mul(dc, by_g, out=d_g)
            dc = dc * keep
            dh = torch.bmm(d, back)
        dw = None
        if ctx.needs_input_grad[1]:
            before = torch.cat([torch.zeros_like(states[:1]), states[:-1]])
            dw = before.permute(1, 3, 0, 2).reshape(D, H, T * B) @ out.permute(1, 0, 2, 3).reshape(
                D, T * B, 4 * H
            )
        return out, dw, None


class LSTM(nn.Module):
    """A long short-term memory layer, in one or two directions.

    Where the mask is zero, so is the state: what comes after a masked step begins anew, so that one
    row can hold several sequences.
    """

    def __init__(self, inputs: int, hidden: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.hidden, self.directions = hidden, 2 if bidirectional else 1
        self.input = Linear(inputs, self.directions * 4 * hidden)
        bound = 1 / math.sqrt(hidden)
        self.recurrent = nn.ParameterList(
            nn.Parameter(torch.empty(4 * hidden, hidden).uniform_(-bound, bound))
            for _ in range(self.directions)
        )
        with torch.no_grad():  # gates in the order i, f, o, g; an open forget gate at the start
            self.input.bias.view(self.directions, 4, hidden)[:, 1] = 1.0

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return states (B, T, directions * H) of x (B, T, I)."""
        B, T, _ = x.shape
        D, H = self.directions, self.hidden
        gates = self.input(x)
        tape = current_tape()
        weights = torch.stack([w.detach() if tape else w for w in self.recurrent]).transpose(1, 2)
        steps = gates.view(B, T, D, 4 * H).permute(1, 2, 0, 3)
        times = mask.permute(1, 0, 2)[:, None].expand(T, D, B, 1)
        # Padding comes last, so a flipped sequence begins with it, and masked steps keep zeros.
        states = _Recurrence.apply(_flip(steps), weights, _flip(times))
        states = _flip(states).permute(2, 0, 1, 3)
        if tape:
            earlier = F.pad(states[:, :-1, 0], (0, 0, 1, 0)), F.pad(states[:, 1:, -1], (0, 0, 0, 1))
            for d, weight in enumerate(self.recurrent):
                columns = slice(d * 4 * H, (d + 1) * 4 * H)
                tape.note(LinearUse(weight, None, earlier[d].detach(), columns), gates)
        return states.reshape(B, T, D * H)

    def step(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Advance a one-directional layer by one step: x (N, I), state two of (N, H)."""
        h, c = state
        a = self.input(x) + h @ self.recurrent[0].T
        i, f, o, g = a.split(self.hidden, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, (h, c)

    def start(self, n: int) -> tuple[Tensor, Tensor]:
        """Return the state before the first step, for n sequences."""
        zeros = self.recurrent[0].new_zeros(n, self.hidden)
        return zeros, zeros


def _flip(x: Tensor) -> Tensor:
    """Reverse the time of the second direction of (T, D, ...), if there is one."""
    if x.shape[1] == 1:
        return x.contiguous()
    return torch.stack([x[:, 0], x[:, 1].flip(0)], 1)
