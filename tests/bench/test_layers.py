"""`make bench`: our LSTM and convolution beside torch's own: which of them plain training takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from targets.nn.layers import LSTM, Convolution, sequence_mask
from tests.bench.twins import PackedLSTM, TurnedLSTM, TwinConvolution

B, T = 32, 60
SHORTEST = 50  # frames: a physical batch holds similar lengths
SIZES = {LSTM: "128 -> 2 x 96", Convolution: "128 -> 128, width 5"}
# What each is, how it is made of ours, and the layer's kind.
LAYERS: dict[str, tuple[type[nn.Module], Callable[..., nn.Module]]] = {
    "ours": (LSTM, lambda ours: ours),
    "torch, turned": (LSTM, TurnedLSTM),
    "torch, packed": (LSTM, PackedLSTM),
    "linear on windows": (Convolution, lambda ours: ours),
    "Conv1d": (Convolution, TwinConvolution),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def layer_of(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return LSTM(128, 96, bidirectional=True) if kind is LSTM else Convolution(128, 128, 5, 1)


@pytest.mark.parametrize("name", LAYERS)
def test_forward_and_backward(benchmark, name: str) -> None:
    kind, make = LAYERS[name]
    ours = layer_of(kind)
    layer = make(ours)
    x = torch.randn(B, T, 128, requires_grad=True)
    mask = sequence_mask(torch.linspace(SHORTEST, T, B).long(), T)

    def step(layer: nn.Module = layer) -> torch.Tensor:
        x.grad = None
        layer.zero_grad()
        layer(x, mask).square().sum().backward()
        assert x.grad is not None
        return x.grad

    benchmark.group = f"{kind.__name__}, {B} x {T} frames, {SIZES[kind]}"
    found = benchmark(step)
    torch.testing.assert_close(found, step(ours), rtol=1e-3, atol=1e-4)
