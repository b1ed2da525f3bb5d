"""`make bench`: our LSTM beside torch's own, which reads padded sequences or packed ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from targets.nn.layers import LSTM, sequence_mask
from tests.bench.twins import PackedLSTM, TurnedLSTM

LAYERS: dict[str, Callable[[LSTM], nn.Module]] = {
    "ours": lambda ours: ours,
    "torch, turned": TurnedLSTM,
    "torch, packed": PackedLSTM,
}
B, T, INPUTS, HIDDEN = 32, 60, 128, 96
SHORTEST = 50  # frames: a physical batch holds similar lengths


@pytest.mark.parametrize("name", LAYERS)
def test_forward_and_backward(benchmark, name: str) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ours = LSTM(INPUTS, HIDDEN, bidirectional=True)
    layer = LAYERS[name](ours)
    x = torch.randn(B, T, INPUTS, requires_grad=True)
    mask = sequence_mask(torch.linspace(SHORTEST, T, B).long(), T)

    def step() -> torch.Tensor:
        x.grad = None
        layer.zero_grad()
        layer(x, mask).square().sum().backward()
        return x.grad

    benchmark.group = f"LSTM, {B} x {T} frames, {INPUTS} -> 2 x {HIDDEN}"
    found = benchmark(step)
    x.grad = None
    ours(x, mask).square().sum().backward()
    torch.set_num_threads(before)
    torch.testing.assert_close(found, x.grad, rtol=1e-3, atol=1e-4)
