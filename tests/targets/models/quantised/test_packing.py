"""A quantised network as a file: it is as small as its bits, and nothing is lost."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from targets.models.quantised.network import quantised_weights
from targets.models.quantised.packing import packed, save_packed, unpacked
from targets.models.registry import TARGETS


def made(bits, sizes=(28, 24, 16)):
    with torch.random.fork_rng():
        torch.manual_seed(bits)
        return TARGETS.load(f"ctc-{bits}bit")(*sizes)


@pytest.mark.parametrize("bits", [2, 4, 5, 8])
def test_nothing_is_lost_in_a_file(bits, tmp_path):
    network = made(bits)
    size = save_packed(network, tmp_path / "small.safetensors")
    weights = unpacked(load_file(tmp_path / "small.safetensors"), network)
    assert weights.keys() == network.state_dict().keys()
    for name, weight in network.state_dict().items():
        assert torch.equal(weights[name], weight)
    matrices = [p.numel() for p in quantised_weights(network).values()]
    rest = sum(p.numel() for p in network.parameters()) - sum(matrices)
    exact = sum(-(-n * bits // 8) for n in matrices) + 4 * rest
    assert exact <= sum(w.nbytes for w in packed(network).values()) <= size
    assert size <= exact + len(matrices) * 4 * 2**bits + 4000  # values, and the names


def test_few_weights_are_not_quantised():
    network = made(4, (28, 128, 96))
    few = sum(p.numel() for p in quantised_weights(network).values())
    whole = sum(p.numel() for p in network.parameters())
    assert few < whole < 1.02 * few
