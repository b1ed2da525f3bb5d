"""The same recogniser in torch's own layers: the plain training that privacy is measured against.

Of layers that torch has in two ways it is the faster one: see `tests/bench/test_layers.py`. A
convolution is a linear map of windows, since `Conv1d` takes longer; an LSTM reads padded sequences,
the second direction turned round, since packed ones have no fused kernel. Attention of the decoders
stays as it is: a learnt window is added to its logits, for which torch has no faster kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.nn.conformer import SelfAttention, rotated
from targets.nn.layers import LSTM, Depthwise, Embedding, LayerNorm, Linear
from tests.bench.twins import (
    Kinds,
    TurnedLSTM,
    TwinDepthwise,
    embedding,
    layer_norm,
    linear,
)


class FusedAttention(SelfAttention):
    """Self-attention by `scaled_dot_product_attention`."""

    def __init__(self, ours: SelfAttention) -> None:
        nn.Module.__init__(self)
        self.heads, self.causal = ours.heads, ours.causal
        self.norm, self.maps, self.output = ours.norm, ours.maps, ours.output

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        B, T, D = x.shape
        heads = self.maps(self.norm(x)).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = (mask != 0).view(B, 1, 1, T)
        if self.causal:
            seen = seen & torch.ones(T, T, dtype=torch.bool).tril()
        found = F.scaled_dot_product_attention(
            rotated(heads[0]), rotated(heads[1]), heads[2], attn_mask=seen
        )
        return self.output(found.transpose(1, 2).reshape(B, T, D))


TORCH: Kinds = {
    Linear: linear,
    Embedding: embedding,
    LayerNorm: layer_norm,
    Depthwise: TwinDepthwise,
    LSTM: TurnedLSTM,
    SelfAttention: FusedAttention,
}
