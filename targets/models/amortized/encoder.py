"""A streaming transformer encoder that decides for each frame which of its blocks it computes.

Source: "Compute Cost Amortized Transformer for Streaming ASR", Xie et al. 2022, arXiv 2207.02393:
at each frame, small arbitrators switch attention and feed-forward blocks on or off. Sizes, front
end and the form of the switch are this project's own.

A switch is a gate from 0 to 1 that the block's output is multiplied by, and the block is off where
the gate is exactly 0. So nothing is drawn and nothing rounded: training and use compute the same
function, which has a gradient almost everywhere, and each example's gradient is exact. What trains
is the value of the gate; that it comes to 0 is what the compute term of the loss is for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.nn.conformer import rotated
from targets.nn.layers import Convolution, LayerNorm, Linear, sequence_mask
from targets.nn.precision import product
from targets.nn.search import NEVER
from targets.speech.features import MELS

LAYERS = 4  # of an attention and a feed-forward block each
STRIDE = 4  # feature frames that are one frame of the front end
ALMOST_ON = 0.9  # every gate at first: on, and with a gradient either way
ALMOST_NOTHING = 1e-30  # in place of a gate of 0, whose logarithm is infinite


class Attention(nn.Module):
    """Attention to the frames so far, each as much as its gate is open."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # A head has pairs of numbers to rotate: as many heads up to four as leave it even ones.
        self.heads = next((n for n in (4, 2) if width % (2 * n) == 0), 1)
        self.maps, self.output = Linear(width, 3 * width), Linear(width, width)

    def forward(self, x: Tensor, gates: Tensor, times: Tensor) -> Tensor:
        """Return the same shape as x (B, S, D), of frames in their order at `times` (B, S).

        A frame whose gate (B, S) is 0 is heard by none.
        """
        B, S, D = x.shape
        heads = self.maps(x).view(B, S, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys = rotated(heads[0], times), rotated(heads[1], times)
        logits = product(queries, keys.transpose(-1, -2)) * keys.shape[-1] ** -0.5  # (B, N, S, S)
        open_ = gates.clamp_min(ALMOST_NOTHING).log().view(B, 1, 1, S)
        later = torch.ones(S, S, dtype=torch.bool, device=x.device).triu(1)
        weights = (logits + open_).masked_fill(later, NEVER).softmax(-1)
        return self.output(product(weights, heads[2]).transpose(1, 2).reshape(B, S, D))

    def operations(self, frames: Tensor) -> Tensor:
        """Return the multiplications (B,) of so many frames (B,)."""
        weights = self.maps.weight.numel() + self.output.weight.numel()
        return frames * weights + 2 * frames.square() * self.output.in_features


class FeedForward(nn.Module):
    """Two linear maps of each frame by itself."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.wide, self.narrow = Linear(width, inner), Linear(inner, width)

    def forward(self, x: Tensor, gates: Tensor, times: Tensor) -> Tensor:
        """Return the same shape as x (B, S, D)."""
        del gates, times
        return self.narrow(F.silu(self.wide(x)))

    def operations(self, frames: Tensor) -> Tensor:
        """Return the multiplications (B,) of so many frames (B,)."""
        return frames * (self.wide.weight.numel() + self.narrow.weight.numel())


class GatedBlock(nn.Module):
    """A block, added to what was there at the frames where its arbitrator switches it on."""

    def __init__(self, width: int, block: Attention | FeedForward) -> None:
        super().__init__()
        self.norm, self.arbitrator, self.block = LayerNorm(width), Linear(width, 1), block
        with torch.no_grad():
            self.arbitrator.weight.mul_(1 - ALMOST_ON)
            self.arbitrator.bias.fill_(ALMOST_ON)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same shape as x (B, T, D), and the gates (B, T), zero where padded.

        Without gradients only frames that are on are computed: in a batch, of each utterance as
        many as of the one that has most.
        """
        inputs = self.norm(x)
        gates = (self.arbitrator(inputs).clamp(0, 1) * mask)[..., 0]
        if torch.is_grad_enabled():
            times = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
            return x + gates[..., None] * self.block(inputs, gates, times), gates
        most = int((gates > 0).sum(1).max())
        if not most:
            return x, gates
        # Those that are on first, in their order. What fills up the rows is off, and its gate of 0
        # keeps it from being heard or added: rows stay rows, as the models of an ensemble need.
        times = (gates == 0).byte().argsort(dim=1, stable=True)[:, :most]
        places = times[..., None].expand(-1, -1, x.shape[2])
        some = gates.gather(1, times)
        added = some[..., None] * self.block(inputs.gather(1, places), some, times)
        return x.scatter_add(1, places, added), gates


class SwitchedEncoder(nn.Module):
    """Standardised log-mel frames (B, T, M) to states (B, T', D), one state every `slowing` frames.

    States are `channels` wide, the feed-forwards four times `hidden`. It streams: a state does not
    depend on what is heard more than 80 ms after it begins.
    """

    def __init__(self, channels: int, hidden: int, slowing: int) -> None:
        super().__init__()
        self.front = Convolution(MELS, channels, width=5, stride=STRIDE)
        self.slower = Convolution(channels, channels, width=3, stride=slowing // STRIDE)
        self.norms = nn.ModuleList([LayerNorm(channels) for _ in range(3)])
        blocks = (
            block
            for _ in range(LAYERS)
            for block in (Attention(channels), FeedForward(channels, 4 * hidden))
        )
        self.blocks = nn.ModuleList([GatedBlock(channels, block) for block in blocks])
        self.width = channels

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return states (B, T', D), zero where padded, and their counts (B,)."""
        states, counts, _ = self.traced(features, counts)
        return states, counts

    def traced(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the same, and the gates (B, T', blocks) of all blocks, zero where padded."""
        before, between, after = self.norms
        x = F.gelu(before(self.front(features, sequence_mask(counts, features.shape[1]))))
        counts = self.front.counts(counts)
        x = F.gelu(between(self.slower(x, sequence_mask(counts, x.shape[1]))))
        counts = self.slower.counts(counts)
        mask = sequence_mask(counts, x.shape[1])
        gates = []
        for block in self.blocks:
            x, gate = block(x, mask)
            gates.append(gate)
        return after(x) * mask, counts, torch.stack(gates, -1)

    def soft_compute(self, gates: Tensor) -> Tensor:
        """Return how many frames' whole compute gates (B, T', blocks) come to (B,), differentiable.

        Each counts by its value and by the weights of its block: a full frame is 1.
        """
        costs = [sum(p.numel() for p in s.block.parameters()) for s in self._gated()]
        shares = torch.tensor(costs, device=gates.device) / sum(costs)
        return (gates * shares).sum((1, 2))

    def operations(self, counts: Tensor, on: Tensor) -> Tensor:
        """Return the multiplications (B,) of utterances alone, without their gates' own.

        `counts` (B,) are their feature frames, `on` (B, blocks) at how many states each block is
        on.
        """
        frames = self.front.counts(counts)
        states = self.slower.counts(frames)
        front, slower = (c.linear.weight.numel() for c in (self.front, self.slower))
        fixed = frames * front + states * slower
        blocks = [s.block.operations(on[:, k]) for k, s in enumerate(self._gated())]
        return fixed + states * len(blocks) * self.width + torch.stack(blocks).sum(0)

    def _gated(self) -> list[GatedBlock]:
        return [block for block in self.blocks if isinstance(block, GatedBlock)]
