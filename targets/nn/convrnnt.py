"""The encoder of ConvRNN-T: what is near and what is far by causal convolutions, then an LSTM.

Source: "ConvRNN-T: Convolutional Augmented Recurrent Neural Network Transducers for Streaming
Speech Recognition", Radfar et al. 2022, arXiv 2209.14868. Sizes are this project's own. What is
normalised is normalised by layer norm, so that no example touches another, as per-example gradients
need.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.nn.encoder import Slower
from targets.nn.layers import LSTM, Depthwise, LayerNorm, Linear, sequence_mask
from targets.speech.features import MELS

DILATIONS = (1, 2, 4, 8)  # of the blocks of the global encoder
KERNEL = 5  # with these dilations 61 states, 4.9 s at a state every 80 ms
LEAST = 8  # numbers of a far state: of one or two, layer norm leaves nothing to learn from
SQUEEZE = 4  # how many times fewer numbers the excitation passes through


class PastExcitation(nn.Module):
    """Squeeze-and-excitation over the past: gates from the mean of all states up to each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(1, width // SQUEEZE)
        self.squeeze, self.excite = Linear(width, inner), Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape as x (B, T, D)."""
        gates = self.excite(F.silu(self.squeeze(mean_so_far(x))))
        return x * gates.sigmoid()


def mean_so_far(x: Tensor) -> Tensor:
    """Return the mean of each state of x (B, T, D) and all before it."""
    steps = torch.arange(1, x.shape[1] + 1, device=x.device)
    return x.cumsum(1) / steps[:, None]


class GlobalBlock(nn.Module):
    """A dilated convolution of each channel, a map of each state, and gates from the past."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.depthwise = Depthwise(width, KERNEL, causal=True, dilation=dilation)
        self.depthwise_norm, self.pointwise_norm = LayerNorm(width), LayerNorm(width)
        self.pointwise = Linear(width, width)
        self.excitation = PastExcitation(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the same shape as x (B, T, D)."""
        y = F.silu(self.depthwise_norm(self.depthwise(x, mask)))
        return F.silu(x + self.excitation(self.pointwise_norm(self.pointwise(y))))


class GlobalEncoder(nn.Module):
    """Every `slowing` frames stacked to one state, then blocks that see ever further back."""

    def __init__(self, width: int, slowing: int) -> None:
        super().__init__()
        self.slowing = slowing
        self.stacked = Linear(slowing * MELS, width)
        self.norm = LayerNorm(width)
        self.blocks = nn.ModuleList([GlobalBlock(width, dilation) for dilation in DILATIONS])

    def forward(self, features: Tensor, counts: Tensor) -> Tensor:
        """Return states (B, T', D) of frames (B, T, M), of which `counts` (B,) are real."""
        x = features * sequence_mask(counts, features.shape[1])
        x = F.pad(x, (0, 0, 0, -x.shape[1] % self.slowing)).unflatten(1, (-1, self.slowing))
        x = F.silu(self.norm(self.stacked(x.flatten(2))))
        mask = sequence_mask(-(-counts // self.slowing), x.shape[1])
        for block in self.blocks:
            x = block(x, mask)
        return x


class ConvRNNEncoder(Slower):
    """Standardised log-mel frames (B, T, M) to states (B, T', D), one every `slowing` frames.

    The local encoder is the convolutions of other targets. An LSTM of one direction reads its
    states and those of the global encoder side by side. It is wider than one of both directions
    would be, so that there are about as many weights in all as `rnnt` has. A state does not depend
    on what is heard more than 100 ms after it begins.
    """

    def __init__(self, channels: int, hidden: int, slowing: int) -> None:
        super().__init__(channels, slowing)
        far, self.width = max(LEAST, channels // 4), max(1, 4 * hidden // 3)
        self.global_encoder = GlobalEncoder(far, slowing)
        self.lstm = LSTM(channels + far, self.width, bidirectional=False)
        self.output_norm = LayerNorm(self.width)

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return states (B, T', D), zero where padded, and their counts (B,)."""
        far = self.global_encoder(features, counts)
        near, mask, counts = self.slower(features, counts)
        return self.output_norm(self.lstm(torch.cat([near, far], -1), mask)) * mask, counts
