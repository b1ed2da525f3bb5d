"""The conformer's own promises: padding, streaming, relative positions."""

from __future__ import annotations

import pytest
import torch

from targets.nn.conformer import ConformerEncoder, rotated
from targets.nn.layers import Depthwise, sequence_mask

AHEAD = 10  # frames of 10 ms after the first of a state's own, that a streaming state may see


@pytest.fixture(params=[4, 8])
def slowing(request):
    return request.param


def encoder(slowing=4, *, causal=False, channels=16):
    torch.manual_seed(3)
    return ConformerEncoder(channels, 8, slowing, causal=causal)


@pytest.mark.parametrize("causal", [False, True])
@torch.no_grad()
def test_an_utterance_is_the_same_alone_as_in_a_padded_batch(slowing, causal):
    network = encoder(slowing, causal=causal)
    batch, counts = torch.randn(3, 90, 64), torch.tensor([90, 41, 7])
    states, left = network(batch, counts)
    for row, (count, kept) in enumerate(zip(counts.tolist(), left.tolist(), strict=True)):
        alone, _ = network(batch[row : row + 1, :count], counts[row : row + 1])
        torch.testing.assert_close(states[row, :kept], alone[0], rtol=1e-4, atol=1e-5)
        assert (states[row, kept:] == 0).all()


@torch.no_grad()
def test_a_streaming_state_knows_nothing_of_later_audio(slowing):
    network, counts = encoder(slowing, causal=True), torch.tensor([120])
    audio = torch.randn(1, 120, 64)
    before, _ = network(audio, counts)
    for state in (0, 3, 10):
        changed = audio.clone()
        changed[:, slowing * state + AHEAD + 1 :] += 1.0
        after, _ = network(changed, counts)
        torch.testing.assert_close(after[:, : state + 1], before[:, : state + 1])
        assert (after[:, state + 1 :] != before[:, state + 1 :]).any()


@torch.no_grad()
def test_one_that_does_not_stream_hears_the_end_at_once(slowing):
    network, counts = encoder(slowing), torch.tensor([120])
    audio = torch.randn(1, 120, 64)
    changed = audio.clone()
    changed[:, 110:] += 1.0
    assert (network(changed, counts)[0][:, 0] != network(audio, counts)[0][:, 0]).any()


@pytest.mark.parametrize("width", [1, 4, 5])
def test_what_a_query_makes_of_a_key_depends_on_how_far_apart_they_are(width):
    query, key = torch.randn(width), torch.randn(width)
    queries, keys = rotated(query.expand(12, width)), rotated(key.expand(12, width))
    found = queries @ keys.T
    for apart in range(-5, 6):
        along = found.diagonal(apart)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.diagonal(), (query @ key).expand(12), rtol=1e-4, atol=1e-5)


def test_a_depthwise_convolution_is_its_definition():
    layer = Depthwise(3, 5, causal=False)
    x, counts = torch.randn(2, 9, 3), torch.tensor([9, 6])
    found = layer(x, sequence_mask(counts, 9))
    for row, count in enumerate(counts.tolist()):
        for t in range(9):
            seen = [(k, t + k - 2) for k in range(5) if 0 <= t + k - 2 < count]
            expected = layer.bias + sum(x[row, at] * layer.weight[:, k] for k, at in seen)
            torch.testing.assert_close(found[row, t], expected)


@pytest.mark.parametrize("channels", [8, 6, 5])
def test_any_width_will_do(channels):
    states, counts = encoder(channels=channels)(torch.randn(1, 40, 64), torch.tensor([40]))
    assert states.shape == (1, 10, channels)
    assert counts.tolist() == [10]
