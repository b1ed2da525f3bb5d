"""CTC on problems small enough to enumerate."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from targets.models.ctc import CTC, IMPOSSIBLE
from targets.nn.prefix_search import prefix_beam
from targets.nn.search import logaddexp
from targets.speech.tokens import BLANK


def collapsed(path):
    """Return what a path of units and blanks writes."""
    return tuple(u for u, _ in itertools.groupby(path) if u != BLANK)


def every_text(log_probs):
    """Return the log-probability of every text, by all V**T paths."""
    T, V = log_probs.shape
    found = {}
    for path in itertools.product(range(V), repeat=T):
        p = sum(log_probs[t, u].item() for t, u in enumerate(path))
        text = collapsed(path)
        found[text] = logaddexp(found.get(text, -math.inf), p)
    return found


def network(units=4, seed=0):
    torch.manual_seed(seed)
    model = CTC(units, 8, 8)
    with torch.no_grad():  # opinions strong enough that texts differ
        model.output.weight.mul_(4)
    return model


@given(T=st.integers(1, 5), V=st.integers(2, 4), seed=st.integers(0, 999))
@settings(max_examples=25)
def test_a_wide_beam_finds_every_text_exactly(T, V, seed):
    generator = torch.Generator().manual_seed(seed)
    log_probs = torch.randn(T, V, generator=generator, dtype=torch.float64).log_softmax(-1)
    truth = every_text(log_probs)
    found = prefix_beam(log_probs, 4 ** (T + 1))
    possible = {text: p for text, p in found if p > -math.inf}
    assert possible == {text: pytest.approx(p) for text, p in truth.items()}
    scores = [p for _, p in found]
    assert scores == sorted(scores, reverse=True)
    assert found[0][1] == pytest.approx(max(truth.values()))


@given(T=st.integers(1, 5), seed=st.integers(0, 999), width=st.integers(1, 6))
@settings(max_examples=25)
def test_a_narrow_beam_never_overstates(T, seed, width):
    generator = torch.Generator().manual_seed(seed)
    log_probs = torch.randn(T, 4, generator=generator, dtype=torch.float64).log_softmax(-1)
    truth = every_text(log_probs)
    found = prefix_beam(log_probs, width)
    assert 1 <= len(found) <= width
    assert len({text for text, _ in found}) == len(found)
    assert all(p <= truth.get(text, -math.inf) + 1e-9 for text, p in found)


@pytest.mark.parametrize("texts", [[(1,), (1, 1), (2, 1, 3), (), (1, 2), (3, 3)]])
def test_losses_and_scores_are_the_enumerated_ones(texts):
    model = network()
    features, counts = torch.randn(1, 20, 64), torch.tensor([20])  # 5 states
    log_probs, _ = model.log_probabilities(features, counts)
    truth = every_text(log_probs[0].detach().double())
    expected = torch.tensor([-truth[t] for t in texts], dtype=torch.float64)
    losses = model.nll(
        features.expand(len(texts), -1, -1), counts.repeat(len(texts)), list(map(list, texts))
    )
    torch.testing.assert_close(losses.double(), expected, rtol=1e-4, atol=1e-4)
    scores = model.nll_of_each(features, counts, texts)
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)


def test_a_text_that_does_not_fit_teaches_nothing_and_is_no_perfect_fit():
    model = network()
    features, counts = torch.randn(1, 8, 64), torch.tensor([8])  # 2 states
    loss = model.nll(features, counts, [[1, 1, 2]])
    loss.sum().backward()
    assert loss.item() == IMPOSSIBLE
    assert not any(p.grad.any() for p in model.parameters())
    assert model.nll_of_each(features, counts, [[1, 1, 2]]).item() == IMPOSSIBLE


@given(lengths=st.lists(st.integers(8, 60), min_size=1, max_size=4))
@settings(max_examples=15)
def test_greedy_is_the_best_path_whatever_the_padding(lengths):
    model = network(units=6)
    alone = [torch.randn(n, 64) for n in lengths]
    batch = torch.nn.utils.rnn.pad_sequence(alone, batch_first=True)
    found = model.greedy(batch, torch.tensor(lengths))
    for frames, units in zip(alone, found, strict=True):
        log_probs, _ = model.log_probabilities(frames[None], torch.tensor([len(frames)]))
        assert tuple(units) == collapsed(log_probs[0].argmax(-1).tolist())


def test_a_beam_is_at_least_as_good_as_greedy():
    torch.manual_seed(3)
    model = network(units=6)
    features, counts = torch.randn(3, 60, 64), torch.tensor([60, 33, 48])
    greedy = model.greedy(features, counts)
    beams = model.beam(features, counts, 16)
    for b, (units, hypotheses) in enumerate(zip(greedy, beams, strict=True)):
        one = features[b : b + 1, : counts[b]], counts[b : b + 1]
        best, of_greedy = model.nll_of_each(*one, [hypotheses[0][0], units]).tolist()
        assert best <= of_greedy + 1e-6
