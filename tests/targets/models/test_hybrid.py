"""The hybrid on problems small enough to enumerate."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from targets.models.ctc import IMPOSSIBLE
from targets.models.hybrid import CTC_WEIGHT, CTCWriter, Hybrid
from targets.nn.search import logaddexp, search
from targets.nn.tape import recording
from targets.speech.tokens import BLANK


def network(units=4, seed=0):
    torch.manual_seed(seed)
    model = Hybrid(units, 8, 8)
    with torch.no_grad():  # opinions strong enough that texts differ
        model.ctc.output.weight.mul_(4)
        model.decoder.output.weight.mul_(4)
    return model


def speech(*lengths):
    """Return a padded batch, the padding full of noise, and its counts."""
    return torch.randn(len(lengths), max(lengths), 64), torch.tensor(lengths)


def texts_up_to(length, units=4):
    return [t for n in range(length + 1) for t in itertools.product(range(1, units), repeat=n)]


def every_text(log_probs):
    """Return the CTC log-probability of every text, by all V**T paths."""
    T, V = log_probs.shape
    found = {}
    for path in itertools.product(range(V), repeat=T):
        text = tuple(u for u, _ in itertools.groupby(path) if u != BLANK)
        p = sum(log_probs[t, u].item() for t, u in enumerate(path))
        found[text] = logaddexp(found.get(text, -math.inf), p)
    return found


def test_losses_and_scores_are_the_weighted_ones_of_both_heads():
    model = network()
    features, counts = speech(24)  # six states: any text of up to three units fits
    texts = texts_up_to(3)
    many = features.expand(len(texts), -1, -1), counts.repeat(len(texts))
    memory = model.decoder.memory(*model.ctc.encoder(*many))
    expected = (1 - CTC_WEIGHT) * model.decoder.nll(memory, texts)
    expected = expected + CTC_WEIGHT * model.ctc.nll(*many, texts)
    losses = model.nll(*many, texts)
    torch.testing.assert_close(losses, expected)
    scores = model.nll_of_each(features, counts, texts)
    torch.testing.assert_close(scores, losses.double(), rtol=1e-4, atol=1e-4)


@given(T=st.integers(1, 5), V=st.integers(2, 4), seed=st.integers(0, 999))
@settings(max_examples=20)
def test_ctc_writes_every_text_exactly(T, V, seed):
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randn(2, T + 2, V, generator=generator, dtype=torch.float64).log_softmax(-1)
    counts = torch.tensor([T, 1])  # what is behind a count must not matter
    found = search(CTCWriter(frames, counts), counts, 4 ** (T + 1))
    for hypotheses, rows, n in zip(found, frames, counts, strict=True):
        truth = every_text(rows[:n])
        assert dict(hypotheses) == {text: pytest.approx(p) for text, p in truth.items()}


@given(T=st.integers(1, 5), seed=st.integers(0, 999))
@settings(max_examples=20)
def test_ctc_ranks_beginnings_by_all_that_begins_with_them(T, seed):
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randn(1, T, 3, generator=generator, dtype=torch.float64).log_softmax(-1)
    truth = every_text(frames[0])
    writer = CTCWriter(frames, torch.tensor([T]))
    for text in ((), (1,), (1, 1), (1, 1, 2)):
        if text:
            writer.advance(torch.tensor([[0]]), torch.tensor([[text[-1]]]))
        for unit in (1, 2):
            begun = [p for t, p in truth.items() if t[: len(text) + 1] == (*text, unit)]
            expected = torch.tensor(begun, dtype=torch.float64).logsumexp(0)
            torch.testing.assert_close(writer.totals()[0, 0, unit], expected)


def test_ctc_stays_exact_on_long_sharp_speech():
    generator = torch.Generator().manual_seed(0)
    frames = (torch.randn(1, 300, 12, generator=generator).double() * 20).log_softmax(-1)
    counts = torch.tensor([300])
    (text, p), *_ = search(CTCWriter(frames, counts), counts, 2)[0]
    loss = F.ctc_loss(
        frames.transpose(0, 1), torch.tensor([text]), counts, torch.tensor([len(text)])
    )
    assert p == pytest.approx(-loss.item() * len(text), rel=1e-9)  # the default is a mean


@given(
    shapes=st.lists(
        st.tuples(st.integers(48, 90), st.lists(st.integers(1, 5), max_size=6)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=15)
def test_losses_are_the_same_alone_and_in_a_padded_batch(shapes):
    model = network(units=6)
    frames, texts = [n for n, _ in shapes], [t for _, t in shapes]
    features, counts = speech(*frames)
    together = model.nll(features, counts, texts)
    for b, n in enumerate(frames):
        alone = model.nll(features[b : b + 1, :n], counts[b : b + 1], [texts[b]])
        torch.testing.assert_close(together[b : b + 1], alone, rtol=1e-4, atol=1e-4)
        scored = model.nll_of_each(features[b : b + 1, :n], counts[b : b + 1], [texts[b]])
        torch.testing.assert_close(scored.float(), alone, rtol=1e-4, atol=1e-4)


def test_gradients_from_the_tape_are_those_of_one_at_a_time():
    model = network(units=6)
    features, counts = speech(70, 24, 45)
    texts = [[1, 1, 5, 2, 3], [], [4]]
    with recording() as tape:
        losses = model.nll(features, counts, texts)
    rows = {p: g for use, gradient in tape.gradients(losses) for p, g in use.per_example(gradient)}
    assert set(rows) == set(model.parameters())
    for b, text in enumerate(texts):
        alone = model.nll(features[b : b + 1, : counts[b]], counts[b : b + 1], [text])
        expected = torch.autograd.grad(alone.sum(), list(rows))
        truth = torch.cat([g.flatten() for g in expected])
        found = torch.cat([g[b].flatten() for g in rows.values()])
        assert (found - truth).norm() <= 1e-4 * truth.norm()


def test_losses_are_differentiable_in_the_real_frames_only():
    model = network()
    features, counts = speech(40, 21)
    features.requires_grad_()
    (gradient,) = torch.autograd.grad(model.nll(features, counts, [[1, 2], [3]]).sum(), features)
    assert (gradient[0].norm(dim=1) > 0).all()
    assert (gradient[1, :21].norm(dim=1) > 0).all()
    assert not gradient[1, 21:].any()


@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_finds_every_text_that_fits(seed):
    model = network(seed=seed)
    features, counts = speech(16)  # four states
    texts = texts_up_to(4)
    truth = zip(texts, (-model.nll_of_each(features, counts, texts)).tolist(), strict=True)
    found = model.beam(features, counts, 1_000)[0]
    fit = {t: pytest.approx(p, abs=1e-4) for t, p in truth if p > -IMPOSSIBLE / 4}
    assert dict(found) == fit
    assert len(fit) < len(texts)
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_narrow_beam_states_true_scores_whatever_the_padding(width):
    model = network(seed=1)
    features, counts = speech(40, 17, 32)
    for b, hypotheses in enumerate(model.beam(features, counts, width)):
        one = features[b : b + 1, : counts[b]], counts[b : b + 1]
        assert 1 <= len(hypotheses) <= width
        assert len(dict(hypotheses)) == len(hypotheses)
        scores = -model.nll_of_each(*one, [text for text, _ in hypotheses])
        assert scores.tolist() == pytest.approx([p for _, p in hypotheses], abs=1e-3)
        assert [text for text, _ in model.beam(*one, width)[0]] == [t for t, _ in hypotheses]


def test_greedy_is_a_beam_of_one_and_a_talkative_decoder_ends():
    model = network()
    features, counts = speech(64, 17)
    alone = [list(found[0][0]) for found in model.beam(features, counts, 1)]
    assert model.greedy(features, counts) == alone
    with torch.no_grad():
        model.decoder.output.bias[2] += 100
    assert all(
        len(units) <= math.ceil(n / 4)
        for units, n in zip(model.greedy(features, counts), counts.tolist(), strict=True)
    )
