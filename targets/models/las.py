"""The attention encoder-decoder: listen, attend and spell (Chan et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from targets.nn.attention import AttentionDecoder, AttentionWriter
from targets.nn.encoder import Encoder, for_all
from targets.nn.search import Hypothesis, search

MOST_LABELS_A_STATE = 2  # of decoding: 25 labels a second, faster than anyone speaks


class LAS(nn.Module):
    """An encoder, and a decoder that writes label by label until it writes the end."""

    def __init__(self, vocabulary: int, channels: int, hidden: int) -> None:
        super().__init__()
        # As for the transducer, half the states halve the cost; attention also has less to find.
        self.encoder = Encoder(channels, hidden, slowing=8)
        self.decoder = AttentionDecoder(vocabulary, self.encoder.width, hidden)

    def nll(self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the negative log-likelihood (B,) of each transcript, in nats."""
        states = for_all(self.encoder(features, counts), len(labels))
        return self.decoder.nll(self.decoder.memory(*states), labels)

    @torch.no_grad()
    def greedy(self, features: Tensor, counts: Tensor) -> list[list[int]]:
        """Return the labels of each utterance, the best one at every step."""
        return [list(best[0][0]) for best in self.beam(features, counts, 1)]

    @torch.no_grad()
    def beam(self, features: Tensor, counts: Tensor, width: int) -> list[list[Hypothesis]]:
        """Return up to `width` hypotheses of each utterance, best first."""
        states, counts = self.encoder(features, counts)
        writer = AttentionWriter(self.decoder, self.decoder.memory(states, counts))
        return search(writer, counts * MOST_LABELS_A_STATE, width)

    @torch.no_grad()
    def nll_of_each(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return the losses (N,) of N transcripts of one utterance, features (1, T, M)."""
        return self.decoder.nll_of_each(
            self.decoder.memory(*self.encoder(features, counts)), labels
        )

    def encode(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReadsText`."""
        return self.encoder(features, counts)

    def text_nll(self, state: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """See `ReadsText`."""
        return self.decoder.text_nll(state, labels)
