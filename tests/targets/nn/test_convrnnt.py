"""ConvRNN-T's own promises: padding, causality, the past in its gates, exact gradients."""

from __future__ import annotations

import pytest
import torch

from targets.core.randomness import Randomness
from targets.models.convrnnt import ConvRNNT
from targets.models.recognizer import Example
from targets.nn.convrnnt import ConvRNNEncoder, GlobalBlock, mean_so_far
from targets.nn.layers import Depthwise, sequence_mask
from targets.speech.tokens import Characters
from targets.training.recipe import Recipe, Schedule
from tests.targets.one_at_a_time import assert_gradients_are_exact

SEEN = 11  # frames from where a state begins: the last one begins 100 ms later


@pytest.fixture(params=[4, 8])
def slowing(request):
    return request.param


def encoder(slowing=8, channels=16):
    torch.manual_seed(3)
    return ConvRNNEncoder(channels, 8, slowing)


@torch.no_grad()
def test_an_utterance_is_the_same_alone_as_in_a_padded_batch(slowing):
    network = encoder(slowing)
    batch, counts = torch.randn(3, 90, 64), torch.tensor([90, 41, 7])
    states, left = network(batch, counts)
    for row, (count, kept) in enumerate(zip(counts.tolist(), left.tolist(), strict=True)):
        alone, _ = network(batch[row : row + 1, :count], counts[row : row + 1])
        assert alone.shape == (1, kept, network.width)
        torch.testing.assert_close(states[row, :kept], alone[0], rtol=1e-4, atol=1e-5)
        assert (states[row, kept:] == 0).all()


@torch.no_grad()
def test_a_state_knows_nothing_of_what_is_heard_much_later(slowing):
    network, counts = encoder(slowing), torch.tensor([120])
    audio = torch.randn(1, 120, 64)
    before, _ = network(audio, counts)
    for state in (0, 3, 10):
        changed = audio.clone()
        changed[:, slowing * state + SEEN :] += 1.0
        after, _ = network(changed, counts)
        torch.testing.assert_close(after[:, : state + 1], before[:, : state + 1])
        assert (after[:, state + 1] != before[:, state + 1]).any()


@torch.no_grad()
def test_both_ways_reach_the_past_and_the_far_one_all_of_it(slowing):
    """Before the LSTM: what the local encoder soon forgets, the gates keep."""
    network, counts = encoder(slowing), torch.tensor([600])
    audio = torch.randn(1, 600, 64)
    changed = audio.clone()
    changed[:, :slowing] += 1.0
    near, kept = (network.slower(x, counts)[0] for x in (audio, changed))
    assert (near[:, 0] != kept[:, 0]).any()
    torch.testing.assert_close(near[:, 6:], kept[:, 6:])
    far, kept = (network.global_encoder(x, counts) for x in (audio, changed))
    assert (far[:, -1] != kept[:, -1]).any()


@torch.no_grad()
def test_what_is_written_stays_written_once_its_states_are_heard():
    torch.manual_seed(0)
    network, audio = ConvRNNT(6, 16, 8), torch.randn(1, 160, 64)
    network.output.weight.mul_(4)  # opinions strong enough to write something
    network.output.bias[0] += 1.0  # and not at every state
    whole = network.greedy(audio, torch.tensor([160]))[0]
    lengths = []
    for frames in (40, 80, 120):
        states, _ = network.encoder(audio[:, :frames], torch.tensor([frames]))
        known = (frames - SEEN) // 8 + 1  # up to the last state that sees nothing later
        assert 0 < known < states.shape[1]
        begun = network.greedy_of_states(states[:, :known], torch.tensor([known]))[0]
        assert begun == whole[: len(begun)]
        lengths.append(len(begun))
    assert 0 < lengths[0] < lengths[1] < lengths[2] < len(whole)


def test_a_mean_is_of_all_that_was_so_far():
    x = torch.randn(2, 7, 3)
    found = mean_so_far(x)
    for t in range(7):
        torch.testing.assert_close(found[:, t], x[:, : t + 1].mean(1))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_a_dilated_convolution_is_its_definition(dilation, causal):
    layer = Depthwise(3, 5, causal=causal, dilation=dilation)
    x, counts = torch.randn(2, 19, 3), torch.tensor([19, 11])
    found = layer(x, sequence_mask(counts, 19))
    for row, count in enumerate(counts.tolist()):
        for t in range(19):
            places = [t + (k - (4 if causal else 2)) * dilation for k in range(5)]
            seen = [(k, at) for k, at in enumerate(places) if 0 <= at < count]
            expected = layer.bias + sum(x[row, at] * layer.weight[:, k] for k, at in seen)
            torch.testing.assert_close(found[row, t], expected)


def test_gradients_are_those_of_one_example_at_a_time():
    """The oracle is automatic differentiation, an example at a time."""
    recipe = Recipe("convrnnt", Characters(), 16, 8, Schedule(1), 1e-2, 8)
    recognizer = recipe.untrained(Randomness(5))
    torch.manual_seed(1)
    batch = [Example(torch.randn(n, 64), labels) for n, labels in ((90, [3, 4]), (41, [5]))]
    assert_gradients_are_exact(recognizer, batch, list(recognizer.network.parameters()))


@pytest.mark.parametrize("channels", [8, 6, 1])
def test_any_width_will_do(channels):
    states, counts = encoder(channels=channels)(torch.randn(1, 41, 64), torch.tensor([41]))
    assert states.shape == (1, 6, 10)
    assert counts.tolist() == [6]


def test_a_block_adds_to_what_was_there():
    """With nothing to add it is its activation alone: deep stacks train."""
    block, x = GlobalBlock(4, 2), torch.randn(1, 9, 4)
    with torch.no_grad():
        block.pointwise_norm.weight.zero_()
    torch.testing.assert_close(block(x, torch.ones(1, 9, 1)), torch.nn.functional.silu(x))
