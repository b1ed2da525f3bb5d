"""An encoder that hears two talkers at once, and gives states of each.

Source: the separator of "Separator-Transducer-Segmenter", Sklyar et al. 2022, arXiv 2205.05199:
layers that hear the mixture make a channel of each talker, and layers that are shared encode every
channel. Sizes, and masks on frames as what separates, are this project's own.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from targets.nn.encoder import Slower
from targets.nn.layers import LSTM, LayerNorm, Linear

TALKERS = 2


class Separator(Slower):
    """Standardised log-mel frames (B, T, M) to the states of each talker, one every `slowing`.

    An LSTM hears the mixture and says of each frame how much of it is each talker's, number by
    number. Another hears each talker's part by itself, with the same weights for both.
    """

    def __init__(self, channels: int, hidden: int, slowing: int) -> None:
        super().__init__(channels, slowing)
        self.mixture = LSTM(channels, hidden, bidirectional=True)
        self.mixture_norm = LayerNorm(2 * hidden)
        self.masks = Linear(2 * hidden, TALKERS * channels)
        self.lstm = LSTM(channels, hidden, bidirectional=True)
        self.output_norm = LayerNorm(2 * hidden)
        self.width = 2 * hidden

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return states (B, T', talkers * D) side by side, zero where padded, and counts (B,)."""
        x, mask, counts = self.slower(features, counts)
        masks = self.masks(self.mixture_norm(self.mixture(x, mask))).sigmoid()
        parts = x[:, :, None] * masks.unflatten(2, (TALKERS, -1))  # (B, T', talkers, C)
        # One row holds one talker after the other, with a masked step behind each: every weight is
        # used once, as the tape wants it, and no talker hears another.
        row = F.pad(parts, (0, 0, 0, 0, 0, 1)).transpose(1, 2).flatten(1, 2)
        steps = torch.cat([F.pad(mask, (0, 0, 0, 1))] * TALKERS, 1)
        states = self.output_norm(self.lstm(row, steps)) * steps
        each = states.unflatten(1, (TALKERS, -1))[:, :, :-1]  # (B, talkers, T', D)
        return each.transpose(1, 2).flatten(2), counts
