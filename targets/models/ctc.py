"""Connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.nn.encoder import Encoder, MakeEncoder, for_all
from targets.nn.layers import Linear
from targets.nn.prefix_search import prefix_beam
from targets.nn.search import NEVER, Hypothesis
from targets.nn.trie import Trie
from targets.speech.tokens import BLANK

IMPOSSIBLE = 1e4  # nats, in place of the infinite loss of a transcript longer than its audio


class CTC(nn.Module):
    """An encoder and one linear layer: a distribution over labels and blank for every frame."""

    make_encoder: ClassVar[MakeEncoder] = Encoder

    def __init__(self, vocabulary: int, channels: int, hidden: int) -> None:
        super().__init__()
        # CTC writes at most one label a state, and characters come at up to 20 a second.
        self.encoder = self.make_encoder(channels, hidden, slowing=4)
        self.output = Linear(self.encoder.width, vocabulary)

    def log_probabilities(self, features: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, T', V) and the frame counts (B,)."""
        states, counts = self.encoder(features, counts)
        return self.output(states).log_softmax(-1), counts

    def nll(self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
        """Return the negative log-likelihood (B,) of each transcript, in nats.

        A transcript that does not fit into its frames costs `IMPOSSIBLE`, without a gradient.
        """
        found = self.log_probabilities(features, counts)
        return ctc_nll(*for_all(found, len(labels)), labels)

    @torch.no_grad()
    def greedy(self, features: Tensor, counts: Tensor) -> list[list[int]]:
        """Return the labels of the best path of each utterance."""
        log_probs, counts = self.log_probabilities(features, counts)
        paths = zip(log_probs.argmax(-1).tolist(), counts.tolist(), strict=True)
        return [[u for u, _ in groupby(path[:n]) if u != BLANK] for path, n in paths]

    @torch.no_grad()
    def beam(self, features: Tensor, counts: Tensor, width: int) -> list[list[Hypothesis]]:
        """Return up to `width` hypotheses of each utterance, best first, by prefix beam search."""
        log_probs, counts = self.log_probabilities(features, counts)
        # The search looks at every number: one copy from an accelerator serves all its steps.
        rows = zip(log_probs.double().cpu(), counts.tolist(), strict=True)
        return [prefix_beam(frames[:n], width) for frames, n in rows]

    @torch.no_grad()
    def nll_of_each(
        self, features: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return the losses (N,) of N transcripts of one utterance, features (1, T, M)."""
        log_probs, _ = self.log_probabilities(features, counts)
        frames = log_probs[0].double()  # (T, V)
        trie = Trie.of(labels, frames.device)
        # Log-probability of having written a node's prefix by frame t, ending in blank or in the
        # node's own label; row 0 is before the first frame.
        blank = torch.cat([frames.new_zeros(1), frames[:, BLANK].cumsum(0)])[:, None]
        label = torch.full_like(blank, NEVER)
        last = torch.full((1,), BLANK, device=frames.device)
        finals = [torch.logaddexp(blank[-1], label[-1])]
        for level in trie.levels:
            p, u = level.parents, level.labels
            repeat = u == last[p]  # a repeated label needs a blank in between
            source = torch.where(repeat, blank[:, p], torch.logaddexp(blank[:, p], label[:, p]))
            label = _held(source, frames[:, u])
            blank = _held(label, frames[:, BLANK, None])
            last = u
            finals.append(torch.logaddexp(blank[-1], label[-1]))
        return -trie.collect(finals).clamp_min(-IMPOSSIBLE)


def _held(entered: Tensor, emitted: Tensor) -> Tensor:
    """Return the log-probability (T + 1, N) of a state that writes one label a frame.

    It is entered from `entered` (T + 1, N); in each frame that it holds it writes `emitted` (T, N).
    """
    # held[t + 1] = emitted[t] + logaddexp(held[t], entered[t]), for all frames at once.
    written = F.pad(emitted.cumsum(0), (0, 0, 1, 0))
    since = torch.logcumsumexp(entered[:-1] - written[:-1], 0)
    return torch.cat([torch.full_like(entered[:1], NEVER), written[1:] + since])


def ctc_nll(log_probs: Tensor, counts: Tensor, labels: Sequence[Sequence[int]]) -> Tensor:
    """Return the losses (B,) in nats of transcripts under frame log-probabilities (B, T', V)."""
    device = log_probs.device
    flat = torch.tensor([u for row in labels for u in row], dtype=torch.long, device=device)
    lengths = torch.tensor([len(row) for row in labels], device=device)
    losses = F.ctc_loss(
        log_probs.transpose(0, 1), flat, counts, lengths, BLANK, "none", zero_infinity=True
    )
    # A frame a label, and a blank between equal ones. Torch would give zero for what does not fit,
    # the loss of a perfect fit: every attack would take it for the surest member.
    needed = [len(row) + sum(a == b for a, b in pairwise(row)) for row in labels]
    fits = torch.tensor(needed, device=device) <= counts
    return torch.where(fits, losses, IMPOSSIBLE)
