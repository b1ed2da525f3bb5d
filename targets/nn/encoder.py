"""The acoustic encoder of the LSTM targets: convolutions to slower frames, then an LSTM."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn
from torch.nn import functional as F

from targets.nn.layers import LSTM, Convolution, LayerNorm, sequence_mask
from targets.speech.features import MELS


class AcousticEncoder(Protocol):
    """A network from standardised log-mel frames to the states that a target writes from."""

    width: int

    def __call__(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return states (B, T', D), zero where padded, and their counts (B,)."""
        ...


class MakeEncoder(Protocol):
    """What makes an encoder with one state every `slowing` frames, 4 or 8."""

    def __call__(self, channels: int, hidden: int, *, slowing: int) -> AcousticEncoder:
        """Return the encoder."""
        ...


class Slower(nn.Module):
    """Convolutions from standardised log-mel frames to slower ones, `channels` wide.

    `slowing` is 4 (a frame every 40 ms) or 8 (every 80 ms). Either sees what is heard up to 100 ms
    after it begins.
    """

    def __init__(self, channels: int, slowing: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                Convolution(MELS, channels, width=5, stride=2),
                Convolution(channels, channels, width=5, stride=2),
                Convolution(channels, channels, width=3, stride=slowing // 4),
            ]
        )
        self.norms = nn.ModuleList([LayerNorm(channels) for _ in range(3)])

    def slower(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return frames (B, T', C) of features (B, T, M), their mask (B, T', 1) and counts (B,)."""
        x, mask = features, sequence_mask(counts, features.shape[1])
        for number in range(len(self.convolutions)):
            x, mask, counts = self.convolved(number, x, mask, counts)
        return x, mask, counts

    def convolved(
        self, number: int, x: Tensor, mask: Tensor, counts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what convolution `number` makes of frames, their mask and counts: the same."""
        convolution, norm = self.convolutions[number], self.norms[number]
        assert isinstance(convolution, Convolution)
        y = F.gelu(norm(convolution(x, mask)))
        counts = convolution.counts(counts)
        # By stride and not by shape: a very short utterance must not change the network.
        y = x + y if convolution.stride == 1 else y
        return y, sequence_mask(counts, y.shape[1]), counts


class Encoder(Slower):
    """Standardised log-mel frames (B, T, M) to states (B, T', D), one every `slowing` frames."""

    def __init__(self, channels: int, hidden: int, slowing: int) -> None:
        super().__init__(channels, slowing)
        self.lstm = LSTM(channels, hidden, bidirectional=True)
        self.output_norm = LayerNorm(2 * hidden)
        self.width = 2 * hidden

    def forward(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return states (B, T', D), zero where padded, and their counts (B,)."""
        x, mask, counts = self.slower(features, counts)
        return self.output_norm(self.lstm(x, mask)) * mask, counts


def for_all(encoded: tuple[Tensor, Tensor], transcripts: int) -> tuple[Tensor, Tensor]:
    """Return states (B, T', D) and counts (B,) for B transcripts; those of one utterance serve all.

    So that many transcripts of one recording cost one pass of the encoder.
    """
    states, counts = encoded
    if len(states) == 1:
        states, counts = states.expand(transcripts, -1, -1), counts.expand(transcripts)
    return states, counts
