"""Counted work is that of products computed by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from leaderboard.scale.work import Work, forward_work, plain_work, private_work, shape_of
from targets.core.errors import OverheardError
from targets.nn.layers import LayerNorm, Linear
from targets.speech.features import MELS

B, T, H, V = 3, 10, 16, 5
FIRST, SECOND = 2 * B * T * MELS * H, 2 * B * T * H * V  # operations of one product of each
FLOAT = 4


class Two(nn.Module):
    """Two linear layers, the least that has a layer below another."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Linear(MELS, H), Linear(H, V)

    def log_probabilities(self, features, counts):
        return self.second(self.first(features)), counts


@pytest.fixture
def network():
    with torch.device("meta"):
        return Two()


def test_listening_is_one_product_a_layer(network):
    assert forward_work(network, B, T) == Work(FIRST + SECOND, 0)


def test_training_multiplies_again_for_weights_and_for_what_is_below(network):
    # Nothing is below the first layer. Each keeps what it heard.
    heard = FLOAT * B * T * (MELS + H)
    assert plain_work(network, B, T) == Work(2 * FIRST + 3 * SECOND, heard)


def test_privacy_multiplies_once_more_for_the_norms(network):
    # T times the width of a layer is above its size for the second layer, not for the first:
    # there the norm is that of two products of all pairs of steps.
    assert T * (H + V) >= H * V
    assert T * (MELS + H) < MELS * H
    ghost = 2 * B * T * T * (MELS + H)
    found = private_work(network, B, T)
    # The second layer's gradients of each example are kept, and only weighed for the sum.
    kept = B * (H + 1) * V  # and those of its bias
    # The first one's bias is one product more.
    bias = 2 * B * T * H
    assert found.operations == 2 * FIRST + ghost + bias + 3 * SECOND + 2 * kept
    # What both layers hear, the gradients of one's output (the other's is a single number), those
    # of each example that are kept, and of one layer more.
    held = B * T * (MELS + 2 * H) + 1 + kept
    assert found.held_bytes == FLOAT * (held + B * MELS * H)


def test_gradients_of_a_layer_norm_are_kept_too(network):
    without = private_work(network, B, T).held_bytes
    with torch.device("meta"):
        network.second = nn.Sequential(LayerNorm(H), network.second)
    # What it gives, its means and scales, the gradient of what it gives.
    passed = 2 * B * T * H + 2 * B * T
    kept = 2 * B * H  # a gain and a bias of each example
    assert private_work(network, B, T).held_bytes == without + FLOAT * (passed + kept)


def test_a_larger_batch_asks_for_more_of_all(network):
    for work in (forward_work, plain_work):
        one, three = work(network, 1, T), work(network, 3, T)
        assert three == Work(3 * one.operations, 3 * one.held_bytes)


def test_a_conformer_has_six_operations_a_weight_and_state():
    network = shape_of("conformer", 28, 64, 80)
    frames = 80
    blocks = sum(p.numel() for p in network.encoder.blocks.parameters())
    slower = sum(p.numel() for p in network.encoder.convolutions.parameters())
    found = plain_work(network, 1, frames).operations / 6
    states = frames / 4
    # The convolutions work at two frames a state, and attention multiplies pairs of states.
    assert blocks * states < found < 1.3 * (blocks + 2 * slower) * states


def test_what_cannot_be_counted_is_said():
    with pytest.raises(OverheardError, match=r"target rnnt: its work is not counted \(only of"):
        shape_of("rnnt", 28, 16, 16)
