"""A target in torch's own layers has the same losses, and the same gradients entry for entry."""

from __future__ import annotations

import pytest
import torch

from defenses.dpsgd.clipping import trained_parameters
from targets.nn.layers import LSTM, sequence_mask
from tests.bench.torch_twin import TORCH
from tests.bench.twins import WITHOUT_TWIN, PackedLSTM, TurnedLSTM, layout, twin_of
from tests.fakes import EACH_TARGET, recipe_for, speech

CLOSE = 1e-4


def gradients(recognizer, batch):
    recognizer.zero_grad()
    recognizer.example_nll(batch).sum().backward()
    return torch.cat([p.grad.flatten() for p in trained_parameters(recognizer)])


@pytest.mark.parametrize("target", EACH_TARGET)
def test_losses_and_summed_gradients_are_those_of_the_original(target):
    if target in WITHOUT_TWIN:
        pytest.skip("its LSTMs begin anew within a row, which those of torch cannot")
    recognizer = recipe_for(target, speech(4, "public")).build()
    batch = recognizer.examples(speech(6, "members", words=3))
    assert len({len(example.features) for example in batch}) > 1  # some of it is padding
    twin = twin_of(recognizer, TORCH)
    kinds = {type(module) for module in twin.network.modules()}
    assert not kinds & set(TORCH)
    torch.testing.assert_close(
        twin.example_nll(batch), recognizer.example_nll(batch), rtol=CLOSE, atol=CLOSE
    )
    found, wanted = gradients(twin, batch), gradients(recognizer, batch)
    order = layout(recognizer, TORCH)
    assert sorted(order.tolist()) == list(range(len(wanted)))
    wanted = wanted[order]
    torch.testing.assert_close(found, wanted, rtol=CLOSE, atol=CLOSE * wanted.abs().max().item())


@pytest.mark.parametrize("make", [TurnedLSTM, PackedLSTM])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_lstm_reads_real_frames_alone(make, bidirectional):
    torch.manual_seed(0)
    ours = LSTM(5, 4, bidirectional=bidirectional)
    mask = sequence_mask(torch.tensor([3, 7, 1]), 7)
    x = torch.randn(3, 7, 5)
    wanted = ours(x, mask)
    for padding in (0.0, 100.0):
        found = make(ours)(torch.where(mask > 0, x, padding), mask)
        torch.testing.assert_close(found, wanted, rtol=CLOSE, atol=CLOSE)
