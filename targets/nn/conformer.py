"""The conformer: attention for what is far, convolution for what is near (Gulati et al. 2020).

Source: "Conformer: Convolution-augmented Transformer for Speech Recognition", arXiv 2005.08100.
Two things differ. The convolution is followed by layer norm instead of batch norm, so that no
example touches another, as per-example gradients need. Positions are relative by rotation of
queries and keys (Su et al. 2021, arXiv 2104.09864), which has no weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.nn.encoder import Slower
from targets.nn.layers import Depthwise, LayerNorm, Linear
from targets.nn.precision import product
from targets.nn.search import NEVER

BLOCKS = 2
KERNEL = 15  # states that the convolution sees: 0.6 s at a state every 40 ms
SLOWEST = 10_000.0  # of the rotations, in states a radian


class FeedForward(nn.Module):
    """Two linear maps of each state by itself."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm = LayerNorm(width)
        self.wide, self.narrow = Linear(width, inner), Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape as x (B, T, D)."""
        return self.narrow(F.silu(self.wide(self.norm(x))))


class SelfAttention(nn.Module):
    """Attention of each state to the others of its utterance; a `causal` one to none after it."""

    def __init__(self, width: int, *, causal: bool) -> None:
        super().__init__()
        # A head has pairs of numbers to rotate: as many heads up to four as leave it even ones.
        self.heads = next((n for n in (4, 2) if width % (2 * n) == 0), 1)
        self.causal = causal
        self.norm = LayerNorm(width)
        self.maps = Linear(width, 3 * width)
        self.output = Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the same shape as x (B, T, D)."""
        return self.output(self.attended(self.maps(self.norm(x)), mask))

    def attended(self, maps: Tensor, mask: Tensor) -> Tensor:
        """Return what is found (B, T, D) by queries, keys and values (B, T, 3 * D)."""
        B, T, _ = maps.shape
        heads = maps.view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = rotated(heads[0]), rotated(heads[1]), heads[2]
        logits = product(queries, keys.transpose(-1, -2)) * keys.shape[-1] ** -0.5  # (B, N, T, T)
        hidden = (mask == 0).view(B, 1, 1, T)
        if self.causal:
            hidden = hidden | torch.ones(T, T, dtype=torch.bool, device=maps.device).triu(1)
        weights = logits.masked_fill(hidden, NEVER).softmax(-1)
        return product(weights, values).transpose(1, 2).reshape(B, T, -1)


def rotated(x: Tensor, times: Tensor | None = None) -> Tensor:
    """Return x (..., T, D) with its pairs of numbers turned by angles that grow with the time.

    The product of a query and a key then depends on how far apart they are, not on where. Without
    `times` the rows are successive states; else x is (B, N, T, D), and they are at `times` (B, T).
    """
    T, pairs = x.shape[-2], x.shape[-1] // 2
    speeds = SLOWEST ** (-torch.arange(pairs, device=x.device) / max(pairs, 1))
    steps = torch.arange(T, device=x.device) if times is None else times[:, None]
    angles = steps[..., None] * speeds
    one, other, rest = x[..., :pairs], x[..., pairs : 2 * pairs], x[..., 2 * pairs :]
    cosines, sines = angles.cos(), angles.sin()
    return torch.cat([one * cosines - other * sines, one * sines + other * cosines, rest], -1)


class ConvolutionModule(nn.Module):
    """A gate, a convolution of each channel, and a linear map."""

    def __init__(self, width: int, *, causal: bool) -> None:
        super().__init__()
        self.norm, self.gated = LayerNorm(width), Linear(width, 2 * width)
        self.depthwise = Depthwise(width, KERNEL, causal=causal)
        self.inner_norm, self.output = LayerNorm(width), Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the same shape as x (B, T, D)."""
        y = self.depthwise(F.glu(self.gated(self.norm(x)), -1), mask)
        return self.output(F.silu(self.inner_norm(y)))


class Block(nn.Module):
    """Half a feed-forward, attention, convolution, the other half, each added to what was there."""

    def __init__(self, width: int, inner: int, *, causal: bool) -> None:
        super().__init__()
        self.first, self.last = FeedForward(width, inner), FeedForward(width, inner)
        self.attention = SelfAttention(width, causal=causal)
        self.convolution = ConvolutionModule(width, causal=causal)
        self.norm = LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor, *told: Tensor) -> Tensor:
        """Return the same shape as x (B, T, D); the attention is told what it needs beside it."""
        x = x + self.first(x) / 2
        x = x + self.attention(x, mask, *told)
        x = x + self.convolution(x, mask)
        return self.norm(x + self.last(x) / 2)


class ConformerEncoder(Slower):
    """Standardised log-mel frames (B, T, M) to states (B, T', D), one state every `slowing` frames.

    States are `channels` wide, the feed-forwards twice `hidden`. A `causal` one can stream: a state
    does not depend on what is heard more than 100 ms after it begins.
    """

    def __init__(self, channels: int, hidden: int, slowing: int, *, causal: bool = False) -> None:
        super().__init__(channels, slowing)
        self.blocks = nn.ModuleList(
            [Block(channels, 2 * hidden, causal=causal) for _ in range(BLOCKS)]
        )
        self.width = channels

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return states (B, T', D), zero where padded, and their counts (B,)."""
        x, mask, counts = self.slower(features, counts)
        for block in self.blocks:
            x = block(x, mask)
        return x * mask, counts


class StreamingConformerEncoder(ConformerEncoder):
    """A causal one. See `ConformerEncoder`."""

    def __init__(self, channels: int, hidden: int, slowing: int) -> None:
        super().__init__(channels, hidden, slowing, causal=True)
