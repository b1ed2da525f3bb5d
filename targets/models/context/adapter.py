"""A contextual adapter: states look for the words of a list, and are moved towards what they find.

Sources: Sathyendra et al. 2022, arXiv 2205.13660 (adapters of a frozen recogniser, with a no-bias
entry); Dingliwal et al. 2022, arXiv 2210.09510 (of CTC). Two things differ. A list is embedded by a
convolution and not by an LSTM: all entries of a list are then one row, as exact per-example
gradients need. And the no-bias entry has the value zero, so that states which find nothing, and all
states where there is no list, stay exactly what they were.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.nn.conformer import rotated
from targets.nn.layers import Convolution, Embedding, LayerNorm, Linear
from targets.nn.search import NEVER
from targets.speech.tokens import BLANK


class EntryEncoder(nn.Module):
    """The labels of entries to one vector each."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = Embedding(vocabulary, width)
        self.convolution = Convolution(width, width, width=3, stride=1)
        self.norm = LayerNorm(width)

    def forward(self, entries: Tensor) -> Tensor:
        """Return (B, K, D) of entries (B, K, U), padded as `lists.padded` does."""
        B, K, U = entries.shape
        mask = (entries != BLANK).view(B, K * U, 1).float()
        # Turned by its place, so that the same letters in another order are another word.
        x = rotated(self.embedding(entries.flatten(1)).view(B, K, U, -1)).reshape(B, K * U, -1)
        y = F.gelu(self.convolution(x, mask)) * mask
        lengths = mask.view(B, K, U).sum(-1, keepdim=True).clamp_min(1)
        return self.norm(y.view(B, K, U, -1).sum(2) / lengths)


class ContextualAdapter(nn.Module):
    """Attention of states to the entries of a list, added to the states: at first nothing.

    `asking` is the width of what asks, `width` that of the states that are moved.
    """

    def __init__(self, vocabulary: int, asking: int, width: int, inner: int) -> None:
        super().__init__()
        self.entries = EntryEncoder(vocabulary, inner)
        self.query = Linear(asking, inner)
        self.key, self.value = Linear(inner, inner), Linear(inner, inner)
        self.no_bias = Embedding(1, inner)
        self.output = Linear(inner, width, bias=False)
        nn.init.zeros_(self.output.weight)

    def forward(self, asked: Tensor, states: Tensor, entries: Tensor) -> Tensor:
        """Return states (B, T, D) moved, of what asks (B, T, Q) and entries (B, K, U)."""
        values = self.value(known := self.entries(entries))
        weights = self._attention(asked, known, (entries != BLANK).any(-1))
        return states + self.output(weights[..., 1:] @ values)

    def _attention(self, asked: Tensor, known: Tensor, present: Tensor) -> Tensor:
        """Return the weights (B, T, 1 + K) of the no-bias entry and of all others."""
        none = self.no_bias(present.new_zeros(len(present), 1, dtype=torch.long))
        keys = torch.cat([none, self.key(known)], 1)
        logits = self.query(asked) @ keys.transpose(1, 2) / math.sqrt(keys.shape[-1])
        absent = F.pad(~present, (1, 0))[:, None]
        return logits.masked_fill(absent, NEVER).softmax(-1)
