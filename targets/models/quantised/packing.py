"""A quantised network as a file: bits and centroids in place of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from targets.core.files import whole_file
from targets.models.quantised.network import quantised_weights

CODES, VALUES = ".codes", ".values"  # after the name of a weight


def packed(network: nn.Module) -> dict[str, Tensor]:
    """Return what a file of a quantised network holds, by name.

    Of each quantised weight its values (K,), and `bits` bits a weight, packed into bytes, that say
    which; all else as it is.
    """
    bits: int = cast(Any, network).bits
    quantised = quantised_weights(network)
    content: dict[str, Tensor] = {}
    for name, weight in network.state_dict().items():
        if name not in quantised:
            content[name] = weight.detach().cpu()
            continue
        values, codes = torch.unique(weight.detach().cpu(), return_inverse=True)
        digits = (codes.flatten().numpy()[:, None] >> np.arange(bits)) & 1
        content[name + CODES] = torch.from_numpy(np.packbits(digits.astype(bool)))
        content[name + VALUES] = values
    return content


def unpacked(content: Mapping[str, Tensor], like: nn.Module) -> dict[str, Tensor]:
    """Return the weights of which `packed` made this, for a network of the same class and sizes."""
    bits: int = cast(Any, like).bits
    weights = {n: w for n, w in content.items() if not n.endswith((CODES, VALUES))}
    for name, place in quantised_weights(like).items():
        digits = np.unpackbits(content[name + CODES].numpy(), count=bits * place.numel())
        codes = (digits.reshape(-1, bits).astype(np.int64) << np.arange(bits)).sum(1)
        weights[name] = content[name + VALUES][torch.from_numpy(codes)].view(place.shape)
    return weights


def save_packed(network: nn.Module, path: Path) -> int:
    """Write a quantised network as safetensors; return the size of the file in bytes."""
    with whole_file(path) as aside:
        save_file(packed(network), aside)
    return path.stat().st_size
