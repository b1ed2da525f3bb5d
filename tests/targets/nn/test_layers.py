"""Layers against torch's own, and the promise that padding changes nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from targets.nn.encoder import Encoder
from targets.nn.layers import LSTM, Convolution, _Recurrence, sequence_mask
from targets.speech.features import MELS

pytestmark = pytest.mark.one_version


def twin(lstm: LSTM, inputs: int) -> torch.nn.LSTM:
    """Return torch's LSTM with the same weights; its gates are in the order i, f, g, o."""
    H, D = lstm.hidden, lstm.directions
    other = torch.nn.LSTM(inputs, H, bidirectional=D == 2, batch_first=True)

    def reordered(rows):
        i, f, o, g = rows.split(H)
        return torch.cat([i, f, g, o])

    with torch.no_grad():
        for d, suffix in enumerate(["", "_reverse"][:D]):
            part = slice(d * 4 * H, (d + 1) * 4 * H)
            getattr(other, f"weight_ih_l0{suffix}").copy_(reordered(lstm.input.weight[part]))
            getattr(other, f"weight_hh_l0{suffix}").copy_(reordered(lstm.recurrent[d]))
            getattr(other, f"bias_ih_l0{suffix}").copy_(reordered(lstm.input.bias[part]))
            getattr(other, f"bias_hh_l0{suffix}").zero_()
    return other


@pytest.mark.parametrize("bidirectional", [False, True])
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4), seed=st.integers(0, 99))
@settings(max_examples=15)
def test_lstm_is_torchs(bidirectional, lengths, seed):
    torch.manual_seed(seed)
    lstm = LSTM(5, 3, bidirectional=bidirectional)
    counts = torch.tensor(lengths)
    x = torch.randn(len(lengths), max(lengths), 5, requires_grad=True)
    mask = sequence_mask(counts, max(lengths))
    states = lstm(x, mask) * mask
    packed = pack_padded_sequence(x, counts, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(twin(lstm, 5)(packed)[0], batch_first=True)
    torch.testing.assert_close(states, expected)
    direction = torch.randn_like(states)
    ours, theirs = (torch.autograd.grad((s * direction).sum(), x)[0] for s in (states, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_after_a_masked_step_a_sequence_begins_anew(bidirectional):
    torch.manual_seed(1)
    lstm, x = LSTM(5, 3, bidirectional=bidirectional), torch.randn(2, 9, 5, requires_grad=True)
    mask = torch.tensor([1.0, 1, 1, 1, 0, 1, 1, 1, 1])[None, :, None].expand(2, -1, -1)
    states, ones = lstm(x, mask), torch.ones(2, 4, 1)
    expected = torch.cat(
        [lstm(x[:, :4], ones), torch.zeros_like(states[:, :1]), lstm(x[:, 5:], ones)], 1
    )
    torch.testing.assert_close(states, expected)
    direction = torch.randn_like(states)
    ours, theirs = (torch.autograd.grad((s * direction).sum(), x)[0] for s in (states, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("directions", [1, 2])
def test_recurrence_backward_is_autograds(directions):
    torch.manual_seed(0)
    T, B, H = 6, 3, 4
    gates = torch.randn(T, directions, B, 4 * H, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(directions, H, 4 * H, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(T, directions, B, 1, dtype=torch.float64)
    mask[4:, :, 1] = 0
    mask[1:, :, 2] = 0
    assert torch.autograd.gradcheck(_Recurrence.apply, (gates, weights, mask))


def test_recurrence_refuses_a_second_derivative():
    gates = torch.randn(2, 1, 1, 4, requires_grad=True)
    states = _Recurrence.apply(gates, torch.randn(1, 1, 4), torch.ones(2, 1, 1, 1))
    (slope,) = torch.autograd.grad(states.square().sum(), gates, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_lstm_step_by_step_is_the_whole():
    torch.manual_seed(1)
    lstm = LSTM(5, 3, bidirectional=False)
    x = torch.randn(2, 7, 5)
    whole = lstm(x, torch.ones(2, 7, 1))
    state = lstm.start(2)
    for t in range(7):
        h, state = lstm.step(x[:, t], state)
        torch.testing.assert_close(h, whole[:, t])


@given(
    T=st.integers(1, 20),
    width=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 3),
    padding=st.integers(0, 7),
)
@settings(max_examples=40)
def test_convolution_is_torchs_and_ignores_padding(T, width, stride, padding):
    torch.manual_seed(T)
    ours = Convolution(4, 3, width, stride)
    theirs = torch.nn.Conv1d(4, 3, width, stride, padding=width // 2)
    with torch.no_grad():
        theirs.weight.copy_(ours.linear.weight.view(3, 4, width))
        theirs.bias.copy_(ours.linear.bias)
    x = torch.randn(1, T, 4, requires_grad=True)
    counts = torch.tensor([T])
    alone = ours(x, torch.ones(1, T, 1))
    wanted = theirs(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(alone, wanted)
    steep = torch.randn(alone.shape)
    slopes = [torch.autograd.grad(y, x, steep)[0] for y in (alone, wanted)]
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5)
    assert ours.counts(counts).item() == alone.shape[1]
    padded = torch.cat([x, torch.randn(1, padding, 4)], 1)
    inside = ours(padded, sequence_mask(counts, T + padding))
    torch.testing.assert_close(inside[:, : alone.shape[1]], alone)


@pytest.mark.parametrize("slowing", [4, 8])
@pytest.mark.parametrize("channels", [8, MELS])  # as many channels as mel bands: no shortcut there
@given(lengths=st.lists(st.integers(1, 30), min_size=2, max_size=4))
@settings(max_examples=15)
def test_an_utterance_encodes_alone_as_in_a_batch(slowing, channels, lengths):
    torch.manual_seed(0)
    encoder = Encoder(channels, 8, slowing)
    alone = [torch.randn(n, MELS) for n in lengths]
    with torch.no_grad():
        states, counts = encoder(pad_sequence(alone, batch_first=True), torch.tensor(lengths))
        for b, frames in enumerate(alone):
            expected, (n,) = encoder(frames[None], torch.tensor([len(frames)]))
            assert counts[b] == n == -(-len(frames) // slowing)
            torch.testing.assert_close(states[b, :n], expected[0], atol=1e-5, rtol=1e-4)
            assert not states[b, n:].any()
