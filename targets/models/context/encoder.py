"""An encoder whose layers can be listened to one by one: convolutions, and two LSTMs after them."""

from __future__ import annotations

from torch import Tensor

from targets.nn.encoder import Slower
from targets.nn.layers import LSTM, LayerNorm


class LayeredEncoder(Slower):
    """Standardised log-mel frames (B, T, M) to states (B, T', D), one every `slowing` frames.

    `widths` are those of the states of its layers, the last one's `width`.
    """

    def __init__(self, channels: int, hidden: int, slowing: int) -> None:
        super().__init__(channels, slowing)
        self.first = LSTM(channels, hidden, bidirectional=True)
        self.first_norm = LayerNorm(2 * hidden)
        self.second = LSTM(2 * hidden, hidden, bidirectional=True)
        self.second_norm = LayerNorm(2 * hidden)
        self.widths = (channels, 2 * hidden, 2 * hidden)
        self.width = 2 * hidden

    def layers(self, features: Tensor, counts: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the states (B, T', D) of each layer, zero where padded, and their counts (B,)."""
        x, mask, counts = self.slower(features, counts)
        first = self.first_norm(self.first(x, mask)) * mask
        second = self.second_norm(first + self.second(first, mask)) * mask
        return [x * mask, first, second], counts

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states (B, T', D) of the last layer, and their counts (B,)."""
        states, counts = self.layers(features, counts)
        return states[-1], counts
