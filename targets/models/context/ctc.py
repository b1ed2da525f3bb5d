"""CTC with losses at two inner layers, and a contextual adapter on a base that may be frozen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from targets.models.context.adapter import ContextualAdapter
from targets.models.context.encoder import LayeredEncoder
from targets.models.context.lists import Entry, drawn_list, padded
from targets.models.ctc import ctc_nll
from targets.nn.encoder import for_all
from targets.nn.layers import Linear
from targets.nn.prefix_search import prefix_beam
from targets.nn.search import Hypothesis
from targets.speech.tokens import BLANK

INNER_WEIGHT = 0.3  # of the mean CTC loss of the inner layers; the rest is the last layer's
AT_ONCE = 256  # transcripts of one utterance

List = Sequence[Entry]


class ContextCTC(nn.Module):
    """Three layers with a CTC output each; the last one's states are moved towards a list's words.

    The loss of a transcript, in nats, is the weighted mean of the three layers' CTC losses
    (intermediate CTC, Lee and Watanabe 2021, arXiv 2102.03216), under the list that training draws
    for it (`drawn_list`): whoever has the transcript has that list. Decoding is by the last layer,
    with an explicit list, which is its user's alone: it is an argument, and never kept.

    Public speech teaches the base, and schemes the adapter; see `HasAdapters`.
    """

    def __init__(self, vocabulary: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        # CTC writes at most one label a state, and characters come at up to 20 a second.
        self.encoder = LayeredEncoder(channels, hidden, slowing=4)
        *inner, width = self.encoder.widths
        self.inner_outputs = nn.ModuleList([Linear(inputs, vocabulary) for inputs in inner])
        self.output = Linear(width, vocabulary)
        self.adapter = ContextualAdapter(vocabulary, inner[-1] + width, width, max(8, hidden))

    def adapter_weights(self) -> Sequence[nn.Parameter]:
        """See `HasAdapters`."""
        return list(self.adapter.parameters())

    def nll(self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the loss (B,) of each transcript, in nats.

        A transcript that does not fit into its frames has CTC losses `IMPOSSIBLE`.
        """
        layers, counts = self.encoder.layers(features, counts)
        inner = [
            ctc_nll(*for_all((output(states).log_softmax(-1), counts), len(labels)), labels)
            for output, states in zip(self.inner_outputs, layers, strict=False)
        ]
        return self._mixed(torch.stack(inner).mean(0), layers, counts, labels)

    def _mixed(
        self,
        inner: Tensor,
        layers: Sequence[Tensor],
        counts: Tensor,
        labels: Sequence[Sequence[int]],
    ) -> Tensor:
        """Return the losses (B,) of transcripts, of the mean of the inner layers' and states."""
        lists = [drawn_list(tuple(row), self.vocabulary) for row in labels]
        frames = self.biased(layers, lists)
        last = ctc_nll(frames, counts.expand(len(frames)), labels)
        return INNER_WEIGHT * inner + (1 - INNER_WEIGHT) * last

    def biased(self, layers: Sequence[Tensor], lists: Sequence[List]) -> Tensor:
        """Return log-probabilities (B, T', V) of states under lists, of each row or one for all."""
        *_, before, last = layers
        if any(map(len, lists)):
            entries = padded(lists, last.device)
            entries = entries.expand(max(len(last), len(lists)), -1, -1)
            last = self.adapter(torch.cat([before, last], -1), last, entries)
        return self.output(last).log_softmax(-1)

    def log_probabilities(
        self, features: Tensor, counts: Tensor, entries: List = ()
    ) -> tuple[Tensor, Tensor]:
        """Return (B, T', V) and the frame counts (B,), under one list for all utterances.

        Without entries they are the base's.
        """
        layers, counts = self.encoder.layers(features, counts)
        return self.biased(layers, [entries]), counts

    @torch.no_grad()
    def greedy(self, features: Tensor, counts: Tensor, entries: List = ()) -> list[list[int]]:
        """Return the labels of the best path of each utterance."""
        log_probs, counts = self.log_probabilities(features, counts, entries)
        paths = zip(log_probs.argmax(-1).tolist(), counts.tolist(), strict=True)
        return [[u for u, _ in groupby(path[:n]) if u != BLANK] for path, n in paths]

    @torch.no_grad()
    def beam(
        self, features: Tensor, counts: Tensor, width: int, entries: List = ()
    ) -> list[list[Hypothesis]]:
        """Return up to `width` hypotheses of each utterance, best first, by prefix beam search."""
        log_probs, counts = self.log_probabilities(features, counts, entries)
        rows = zip(log_probs.double().cpu(), counts.tolist(), strict=True)
        return [prefix_beam(frames[:n], width) for frames, n in rows]

    @torch.no_grad()
    def nll_of_each(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return the losses (N,) of N transcripts of one utterance, features (1, T, M)."""
        layers, counts = self.encoder.layers(features, counts)
        outputs = zip(self.inner_outputs, layers, strict=False)
        heard = [output(states).log_softmax(-1) for output, states in outputs]
        losses = []
        for first in range(0, len(labels), AT_ONCE):
            some = labels[first : first + AT_ONCE]
            inner = [ctc_nll(*for_all((frames, counts), len(some)), some) for frames in heard]
            losses.append(self._mixed(torch.stack(inner).mean(0), layers, counts, some))
        return torch.cat(losses).double()
