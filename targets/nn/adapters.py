"""Low-rank adapters (LoRA, Hu et al. 2022, arXiv 2106.09685): few weights that move many.

Beside every linear map of a network stands a product of two thin ones, which begins at zero. The
map itself is frozen. Once trained, the product is added to the map, so that the network has the
weights that it had before, by name and shape.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from targets.core.randomness import Randomness
from targets.nn.layers import Linear


class Adapted(nn.Module):
    """A frozen linear map with a low-rank one beside it: x W.T + b + (x D.T) U.T."""

    def __init__(self, base: Linear, rank: int, rng: Randomness) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        device = base.weight.device
        self.down = Linear(base.in_features, rank, bias=False, device=device)
        self.up = Linear(rank, base.out_features, bias=False, device=device)
        drawn = torch.randn(rank, base.in_features, generator=rng.torch())
        with torch.no_grad():
            self.down.weight.copy_(drawn / math.sqrt(base.in_features))
            self.up.weight.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, ..., O) of x (B, ..., I)."""
        return self.base(x) + self.up(self.down(x))

    @torch.no_grad()
    def merged(self) -> Linear:
        """Return the linear map with the product added to its weight."""
        self.base.weight += self.up.weight @ self.down.weight
        return self.base


def adapt(network: nn.Module, rank: int, rng: Randomness) -> None:
    """Freeze a network, and put an adapter of this rank beside each linear map that was not."""
    maps = [
        (path, linear)
        for path, linear in network.named_modules()
        if isinstance(linear, Linear) and linear.weight.requires_grad
    ]
    network.requires_grad_(False)
    for path, linear in maps:
        network.set_submodule(path, Adapted(linear, rank, rng.child(path)))


def merge(network: nn.Module) -> None:
    """Add the adapters of a network to its weights, and take them away."""
    for path, adapted in list(network.named_modules()):
        if isinstance(adapted, Adapted):
            network.set_submodule(path, adapted.merged())
    network.requires_grad_(True)
