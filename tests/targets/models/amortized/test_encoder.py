"""The amortised encoder's own promises: what is skipped is skipped, and changes nothing."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from targets.models.amortized.encoder import Attention, GatedBlock, SwitchedEncoder
from targets.nn.conformer import rotated

AHEAD = 8  # frames of 10 ms after the first of a state's own, that it may see
COUNTS = (90, 41, 7)


@pytest.fixture(params=[4, 8])
def slowing(request):
    return request.param


def encoder(slowing=8, channels=16, bias=0.2):
    """Return one whose switches are as often off as on."""
    torch.manual_seed(3)
    network = SwitchedEncoder(channels, 8, slowing)
    with torch.no_grad():
        for block in network.blocks:
            block.arbitrator.weight.normal_(std=0.3)
            block.arbitrator.bias.fill_(bias)
    return network


def batch():
    torch.manual_seed(4)
    return torch.randn(len(COUNTS), max(COUNTS), 64), torch.tensor(COUNTS)


def alone(row):
    features, counts = batch()
    return features[row : row + 1, : COUNTS[row]], counts[row : row + 1]


@torch.no_grad()
def test_an_utterance_is_the_same_alone_as_in_a_padded_batch(slowing):
    network = encoder(slowing)
    states, left, gates = network.traced(*batch())
    for row, kept in enumerate(left.tolist()):
        own, count, open_ = network.traced(*alone(row))
        assert count.tolist() == [kept] == [own.shape[1]]
        torch.testing.assert_close(states[row, :kept], own[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gates[row, :kept], open_[0], rtol=1e-4, atol=1e-5)
        assert (states[row, kept:] == 0).all()
        assert (gates[row, kept:] == 0).all()


@torch.no_grad()
def test_a_state_knows_nothing_of_later_audio(slowing):
    network, counts = encoder(slowing), torch.tensor([120])
    audio = torch.randn(1, 120, 64)
    before, _ = network(audio, counts)
    for state in (0, 3, 10):
        changed = audio.clone()
        changed[:, slowing * state + AHEAD :] += 1.0
        after, _ = network(changed, counts)
        torch.testing.assert_close(after[:, : state + 1], before[:, : state + 1])
        assert (after[:, state + 1 :] != before[:, state + 1 :]).any()


@pytest.mark.parametrize("bias", [0.9, 0.2, -0.2, -9.0])
def test_what_is_skipped_changes_nothing(slowing, bias):
    """With gradients everything is computed and multiplied by its gate."""
    network = encoder(slowing, bias=bias)
    whole, counts, gates = network.traced(*batch())
    with torch.no_grad():
        skipped, same, found = network.traced(*batch())
    assert torch.equal(counts, same)
    torch.testing.assert_close(found, gates.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(skipped, whole.detach(), rtol=1e-4, atol=1e-5)
    on = (gates > 0).float().mean()
    assert on == 0 if bias < -1 else 0.02 < on < 1


def operations(network, features, counts):
    """Return how many multiplications torch does for the products of matrices."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(features, counts)
    return counter.get_total_flops() / 2  # it counts additions, too


def test_operations_are_those_that_are_done_and_fall_with_the_switches(slowing):
    taken = []
    for bias in (9.0, 0.2, -9.0):
        network = encoder(slowing, bias=bias)
        for row in range(len(COUNTS)):
            _, _, gates = network.traced(*alone(row))
            said = network.operations(alone(row)[1], (gates > 0).sum(1))
            assert said.tolist() == [operations(network, *alone(row))]
            taken.append(said.item())
    on, some, off = (taken[k : k + len(COUNTS)] for k in (0, len(COUNTS), 2 * len(COUNTS)))
    assert all(a > b > c for a, b, c in zip(on, some, off, strict=True))
    assert off[0] < 0.6 * on[0]  # what is left is the front end and the arbitrators


@torch.no_grad()
def test_attention_is_its_definition():
    """Each frame hears those so far, as far as their gates are open."""
    torch.manual_seed(0)
    attention, x = Attention(8), torch.randn(1, 6, 8)
    gates = torch.tensor([[0.5, 0.0, 1.0, 0.0, 0.2, 1.0]])
    times = torch.tensor([[0, 1, 4, 5, 9, 10]])
    found = attention(x, gates, times)
    heads = attention.maps(x).view(1, 6, 3, attention.heads, -1).permute(2, 0, 3, 1, 4)
    queries, keys = rotated(heads[0], times), rotated(heads[1], times)
    for t in (0, 2, 4, 5):
        heard = []
        for h in range(attention.heads):
            weights = torch.stack(
                [gates[0, s] * (queries[0, h, t] @ keys[0, h, s] / 2**0.5).exp() for s in range(6)]
            )[: t + 1]
            heard.append(weights @ heads[2, 0, h, : t + 1] / weights.sum())
        torch.testing.assert_close(found[0, t], attention.output(torch.cat(heard)))


@torch.no_grad()
def test_times_that_are_left_out_are_those_of_all():
    x, times = torch.randn(2, 3, 9, 4), torch.arange(9).expand(2, 9)
    torch.testing.assert_close(rotated(x, times), rotated(x))
    some = torch.tensor([[0, 3, 8], [1, 2, 7]])
    places = some[:, None, :, None].expand(2, 3, 3, 4)
    torch.testing.assert_close(rotated(x.gather(2, places), some), rotated(x).gather(2, places))


def test_what_compute_costs_is_a_share_of_frames_and_has_a_gradient():
    network = encoder(bias=9.0)
    _, counts, gates = network.traced(*batch())
    torch.testing.assert_close(network.soft_compute(gates), counts.float())
    network = encoder()
    network.soft_compute(network.traced(*batch())[2]).sum().backward()
    for block in network.blocks:
        assert isinstance(block, GatedBlock)
        assert block.arbitrator.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("channels", [8, 6, 1])
def test_any_width_will_do(channels):
    states, counts = encoder(channels=channels)(torch.randn(1, 41, 64), torch.tensor([41]))
    assert states.shape == (1, 6, channels)
    assert counts.tolist() == [6]
