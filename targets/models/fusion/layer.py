"""AdapterFusion (Pfeiffer et al. 2021, arXiv 2005.00247): attention mixes several adapters.

Each state asks the adapters' outputs how much of each it wants, and the mix is added to it. Of an
RNN-T Han, Baby and Mendelev 2022 fuse adapters, in several ways. Two things differ from Pfeiffer's.
Outputs are mixed as they are, without a map of values. And one normalisation without weights serves
all adapters and the query, since weights of each adapter's own would be too many here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from targets.nn.layers import Linear
from targets.nn.residual_adapters import ResidualAdapter

ADAPTERS = 3  # after each layer
NARROWER = 60  # times than its layer is a bottleneck: three are about one `ResidualAdapter`
ASKING = 40  # times narrower than its layer are queries and keys


class Bottleneck(nn.Module):
    """What one adapter adds to a normalised state: at first nothing."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.down, self.up = Linear(width, inner), Linear(inner, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape as x (B, T, D)."""
        return self.up(F.silu(self.down(x)))


class AdapterFusion(nn.Module):
    """Several adapters, and an attention that says of each state how much of each is added."""

    def __init__(self, width: int, inner: int | None = None, adapters: int = ADAPTERS) -> None:
        super().__init__()
        inner, asking = inner or max(1, width // NARROWER), max(1, width // ASKING)
        self.bottlenecks = nn.ModuleList([Bottleneck(width, inner) for _ in range(adapters)])
        self.query = Linear(width, asking)
        self.key = Linear(width, asking, bias=False)  # a bias would be the same for all adapters
        self.adapters_are_trained = False

    @classmethod
    def of_trained(cls, adapters: Sequence[ResidualAdapter]) -> AdapterFusion:
        """Return a fusion of adapters of one layer that were trained one by one.

        The weights of their normalisations go into the maps after them, so that each adds what it
        added before, but for rounding.
        """
        down = adapters[0].down
        fusion = cls(down.in_features, down.out_features, len(adapters))
        fusion.adapters_are_trained = True
        with torch.no_grad():
            for made, adapter in zip(fusion.bottlenecks, adapters, strict=True):
                assert isinstance(made, Bottleneck)
                scale, shift = adapter.norm.weight, adapter.norm.bias
                made.down.weight.copy_(adapter.down.weight * scale)
                made.down.bias.copy_(adapter.down.bias + adapter.down.weight @ shift)
                made.up.load_state_dict(adapter.up.state_dict())
        return fusion

    def weights_to_train(self) -> list[nn.Parameter]:
        """Return what schemes train: all, or the attention alone where adapters are trained."""
        parts = (self.query, self.key) if self.adapters_are_trained else (self,)
        return [weight for part in parts for weight in part.parameters()]

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape as x (B, T, D)."""
        state = F.layer_norm(x, x.shape[-1:])
        outputs = torch.stack([made(state) for made in self.bottlenecks], -2)  # (B, T, K, D)
        return x + (self.shares(state, outputs)[..., None] * outputs).sum(-2)

    def shares(self, state: Tensor, outputs: Tensor) -> Tensor:
        """Return how much of each output (B, T, K, D) a state (B, T, D) takes: (B, T, K), sum 1."""
        keys, query = self.key(outputs), self.query(state)[..., None, :]
        return ((keys * query).sum(-1) / math.sqrt(keys.shape[-1])).softmax(-1)
