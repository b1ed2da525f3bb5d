"""CTC and attention on one encoder (Watanabe et al. 2017): trained and decoded together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.models.ctc import CTC, ctc_nll
from targets.nn.attention import AttentionDecoder, AttentionWriter
from targets.nn.encoder import for_all
from targets.nn.search import END, NEVER, Hypothesis, search
from targets.speech.tokens import BLANK

CTC_WEIGHT = 0.5  # of the CTC loss; the rest is attention's


class Hybrid(nn.Module):
    """A CTC network whose encoder an attention decoder listens to as well.

    The loss of a transcript, in nats, is the weighted mean of the two heads' own; decoding looks
    for the transcript that minimises it.
    """

    def __init__(self, vocabulary: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.ctc = CTC(vocabulary, channels, hidden)
        self.decoder = AttentionDecoder(vocabulary, self.ctc.encoder.width, hidden)

    @property
    def encoder(self) -> nn.Module:
        """The encoder of both heads: see `targets.training.guided_cpc.encoder_of`."""
        return cast(nn.Module, self.ctc.encoder)

    def nll(self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the loss (B,) of each transcript, in nats.

        A transcript that does not fit into its frames has the CTC loss `IMPOSSIBLE`.
        """
        states, counts = for_all(self.ctc.encoder(features, counts), len(labels))
        ctc = ctc_nll(self.ctc.output(states).log_softmax(-1), counts, labels)
        attention = self.decoder.nll(self.decoder.memory(states, counts), labels)
        return CTC_WEIGHT * ctc + (1 - CTC_WEIGHT) * attention

    @torch.no_grad()
    def greedy(self, features: Tensor, counts: Tensor) -> list[list[int]]:
        """Return the labels of each utterance, the best one at every step for both heads."""
        return [list(best[0][0]) for best in self.beam(features, counts, 1)]

    @torch.no_grad()
    def beam(self, features: Tensor, counts: Tensor, width: int) -> list[list[Hypothesis]]:
        """Return up to `width` hypotheses of each utterance, best first, with minus their loss."""
        states, counts = self.ctc.encoder(features, counts)
        heads = _JointWriter(
            CTCWriter(self.ctc.output(states).log_softmax(-1).double(), counts),
            AttentionWriter(self.decoder, self.decoder.memory(states, counts)),
        )
        return search(heads, counts, width)  # CTC writes at most a label a state

    @torch.no_grad()
    def nll_of_each(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return the losses (N,) of N transcripts of one utterance, features (1, T, M)."""
        # The audio is encoded twice, which is little beside many transcripts.
        ctc = self.ctc.nll_of_each(features, counts, labels)
        memory = self.decoder.memory(*self.ctc.encoder(features, counts))
        return CTC_WEIGHT * ctc + (1 - CTC_WEIGHT) * self.decoder.nll_of_each(memory, labels)

    def encode(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """See `ReadsText`."""
        return self.ctc.encoder(features, counts)

    def text_nll(self, state: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """See `ReadsText`: the decoder's losses; CTC reads no text."""
        return self.decoder.text_nll(state, labels)


class CTCWriter:
    """Texts under CTC alone, by the probability of everything that begins with them.

    `frames` are log-probabilities (B, T, V), the first `counts[b]` of them real. Of each text it
    keeps those of having written it by frame t and ending in blank or in its last label: (B, W,
    T + 1) each. Both follow x[t+1] = a[t] + logaddexp(x[t], y[t]), solved for all t by one scan.
    """

    def __init__(self, frames: Tensor, counts: Tensor) -> None:
        B, T, _ = frames.shape
        self.frames = frames
        steps = torch.arange(T, device=frames.device)
        self.passed = steps >= counts[:, None, None]  # (B, 1, T): not of the utterance
        self.counts = counts
        self.blank = F.pad(frames[:, None, :, BLANK].cumsum(2), (1, 0))
        self.label = torch.full_like(self.blank, NEVER)
        self.last = torch.full((B, 1), BLANK, device=frames.device)

    def totals(self) -> Tensor:
        """See `Writer`."""
        both = torch.logaddexp(self.blank, self.label)
        # From any frame on the next label is written; one like the last needs a blank between.
        begin = both[..., :-1].masked_fill(self.passed, NEVER)
        most = begin.amax(2, keepdim=True).clamp_min(torch.finfo(begin.dtype).min)
        totals = ((begin - most).exp() @ self.frames.exp()).log() + most
        again = self.blank[..., :-1].masked_fill(self.passed, NEVER) + self._emissions(self.last)
        totals.scatter_(2, self.last[..., None], again.logsumexp(2, keepdim=True))
        end = self.counts[:, None, None].expand(*self.last.shape, 1)
        totals[..., END] = both.gather(2, end)[..., 0]
        return totals

    def advance(self, parents: Tensor, labels: Tensor) -> None:
        """See `Writer`."""
        rows = torch.arange(len(parents), device=parents.device)[:, None]
        blank, label = self.blank[rows, parents, :-1], self.label[rows, parents, :-1]
        repeat = (labels == self.last[rows, parents])[..., None]
        self.label = _scan(
            self._emissions(labels), torch.where(repeat, blank, torch.logaddexp(blank, label))
        )
        pauses = self.frames[:, None, :, BLANK].expand_as(label)
        self.blank = _scan(pauses, self.label[..., :-1])
        self.last = labels

    def _emissions(self, labels: Tensor) -> Tensor:
        """Return the log-probabilities (B, W, T) of one label (B, W) for each text."""
        rows = torch.arange(len(labels), device=labels.device)[:, None]
        return self.frames[rows, :, labels]


def _scan(a: Tensor, y: Tensor) -> Tensor:
    """Return x (..., T + 1) with x[0] = -inf and x[t+1] = a[t] + logaddexp(x[t], y[t])."""
    travelled = F.pad(a.cumsum(-1), (1, 0))
    x = travelled[..., 1:] + torch.logcumsumexp(y - travelled[..., :-1], -1)
    return F.pad(x, (1, 0), value=NEVER)


class _JointWriter:
    """Texts under both heads."""

    def __init__(self, ctc: CTCWriter, attention: AttentionWriter) -> None:
        self.ctc, self.attention = ctc, attention

    def totals(self) -> Tensor:
        """See `Writer`."""
        return CTC_WEIGHT * self.ctc.totals() + (1 - CTC_WEIGHT) * self.attention.totals()

    def advance(self, parents: Tensor, labels: Tensor) -> None:
        """See `Writer`."""
        self.ctc.advance(parents, labels)
        self.attention.advance(parents, labels)
