"""Residual adapters (Houlsby et al. 2019, arXiv 1902.00751): small layers after those of a base.

After each layer of an encoder stands a bottleneck whose output is added to what the layer gave, as
for accents and atypical speech in Tomanek et al. 2021, arXiv 2109.06952. Its last map begins at
zero, so that the encoder begins as its base.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn
from torch.nn import functional as F

from targets.nn.encoder import Encoder
from targets.nn.layers import LayerNorm, Linear, sequence_mask

NARROWER = 20  # times than its layer: below 3 % of a transducer's weights at any suite's size


class ResidualAdapter(nn.Module):
    """A bottleneck of few weights, added to what passes it: at first nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(1, width // NARROWER)
        self.norm = LayerNorm(width)
        self.down, self.up = Linear(width, inner), Linear(inner, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape as x (B, T, D)."""
        return x + self.up(F.silu(self.down(self.norm(x))))


class MakeAdapter(Protocol):
    """What makes an adapter, or several that are mixed, for a layer of some width."""

    def __call__(self, width: int) -> nn.Module:
        """Return a map of states (B, T, `width`) to states of that shape."""
        ...


class AdaptedEncoder(Encoder):
    """The LSTM targets' encoder with an adapter after each layer. See `Encoder`.

    Whoever builds it calls `add_adapters` once all other weights are drawn: these are then the ones
    that the same seed gives to a target without adapters.
    """

    def __init__(self, channels: int, hidden: int, slowing: int) -> None:
        super().__init__(channels, hidden, slowing)
        self.widths = [*[channels] * len(self.convolutions), self.width]

    def add_adapters(self, make_adapter: MakeAdapter) -> None:
        """Draw the adapters."""
        self.adapters = nn.ModuleList([make_adapter(width) for width in self.widths])

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return states (B, T', D), zero where padded, and their counts (B,)."""
        *after_convolutions, after_lstm = self.adapters
        x, mask = features, sequence_mask(counts, features.shape[1])
        for number, adapter in enumerate(after_convolutions):
            x, mask, counts = self.convolved(number, x, mask, counts)
            x = adapter(x)
        return after_lstm(self.output_norm(self.lstm(x, mask))) * mask, counts
