"""The separator: each talker's states are those of that talker alone, whatever stands beside."""

from __future__ import annotations

import pytest
import torch

from targets.models.multitalker.separator import TALKERS, Separator
from targets.nn.layers import sequence_mask

pytestmark = pytest.mark.one_version

COUNTS = (90, 41, 7)


def separator():
    torch.manual_seed(3)
    return Separator(16, 8, slowing=8)


def batch():
    torch.manual_seed(4)
    return torch.randn(len(COUNTS), max(COUNTS), 64), torch.tensor(COUNTS)


@torch.no_grad()
def test_an_utterance_is_the_same_alone_as_in_a_padded_batch():
    network, (features, counts) = separator(), batch()
    states, left = network(features, counts)
    assert states.shape == (3, 12, TALKERS * network.width)
    for row, kept in enumerate(left.tolist()):
        alone, count = network(features[row : row + 1, : COUNTS[row]], counts[row : row + 1])
        assert count.tolist() == [kept] == [alone.shape[1]]
        torch.testing.assert_close(states[row, :kept], alone[0], rtol=1e-4, atol=1e-5)
        assert (states[row, kept:] == 0).all()


@torch.no_grad()
def test_each_talker_is_encoded_alone_by_the_same_weights():
    """The definition, without the row in which one talker comes after the other."""
    network, (features, counts) = separator(), batch()
    found = network(features, counts)[0].unflatten(2, (TALKERS, -1))
    x, mask, left = network.slower(features, counts)
    masks = network.masks(network.mixture_norm(network.mixture(x, mask))).sigmoid()
    for talker in range(TALKERS):
        part = x * masks.unflatten(2, (TALKERS, -1))[:, :, talker]
        expected = network.output_norm(network.lstm(part, mask)) * sequence_mask(left, x.shape[1])
        torch.testing.assert_close(found[:, :, talker], expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found[:, :, 0], found[:, :, 1])
