"""Whisper's frozen parts as functions of its weights: normalisation, attention, feed-forward."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from targets.models.whisper.checkpoint import Weights


def linear(weights: Weights, name: str, x: Tensor) -> Tensor:
    """Return the linear map `name` of x (..., I)."""
    return F.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))


def norm(weights: Weights, name: str, x: Tensor) -> Tensor:
    """Return x (..., D), each frame normalised."""
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"])


def feed_forward(weights: Weights, layer: str, x: Tensor) -> Tensor:
    """Return x (..., D) plus what the feed-forward part of a layer makes of it."""
    hidden = F.gelu(linear(weights, f"{layer}.fc1", norm(weights, f"{layer}.final_layer_norm", x)))
    return x + linear(weights, f"{layer}.fc2", hidden)


def split(x: Tensor, heads: int) -> Tensor:
    """Return (B, heads, T, D / heads) of x (B, T, D)."""
    return x.unflatten(-1, (heads, -1)).transpose(-2, -3)


def joined(x: Tensor) -> Tensor:
    """Return (B, T, D) of x (B, heads, T, D / heads)."""
    return x.transpose(-2, -3).flatten(-2)
