"""LAS on problems small enough to enumerate."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from targets.models.las import LAS, MOST_LABELS_A_STATE
from targets.nn.search import END
from targets.nn.tape import recording
from targets.speech.tokens import BLANK


def network(units=4, seed=0):
    torch.manual_seed(seed)
    model = LAS(units, 8, 8)
    with torch.no_grad():  # opinions strong enough that texts differ
        model.decoder.output.weight.mul_(4)
    return model


def speech(*lengths):
    """Return a padded batch, the padding full of noise, and its counts."""
    return torch.randn(len(lengths), max(lengths), 64), torch.tensor(lengths)


@torch.no_grad()
def next_units(model, frames, text):
    """Return log-probabilities (V,) of what follows `text`, from the definition alone."""
    d = model.decoder
    states, _ = model.encoder(frames[None], torch.tensor([len(frames)]))
    state = d.lstm.start(1)
    for unit in (BLANK, *text):
        _, state = d.lstm.step(d.embedding.weight[[unit]], state)
    h = state[0][0]
    *content, shift, sharpness = d.query(h).tolist()
    clock, logits = 0.0, []
    for key in d.key(states[0]):
        clock += math.log1p(math.exp(key[-1].item()))
        alike = (
            sum(q * k for q, k in zip(content, key.tolist(), strict=False)) / len(content) ** 0.5
        )
        gap = clock - len(text) - shift
        logits.append(alike - math.log1p(math.exp(sharpness)) * gap**2)
    context = torch.tensor(logits).softmax(0) @ states[0]
    return d.output(d.joint(torch.cat([h, context])).tanh()).log_softmax(0).double()


def log_probability(model, frames, text):
    steps = [next_units(model, frames, text[:n])[u].item() for n, u in enumerate((*text, END))]
    return sum(steps)


def texts_up_to(length, units=4):
    return [t for n in range(length + 1) for t in itertools.product(range(1, units), repeat=n)]


def test_losses_and_scores_are_those_of_the_definition():
    model = network()
    features, counts = speech(40)
    texts = texts_up_to(3)
    expected = torch.tensor(
        [-log_probability(model, features[0], t) for t in texts], dtype=torch.float64
    )
    assert expected.std() > 1
    losses = model.nll(features.expand(len(texts), -1, -1), counts.repeat(len(texts)), texts)
    torch.testing.assert_close(losses.double(), expected, rtol=1e-4, atol=1e-4)
    scores = model.nll_of_each(features, counts, texts)
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)


def test_texts_and_endless_writing_share_one_unit_of_probability():
    model = network(units=3)
    features, counts = speech(16)
    texts = texts_up_to(3, units=3)
    total = model.nll_of_each(features, counts, texts).neg().exp().sum()
    # What is missing are longer texts: what goes on after three units.
    for text in itertools.product((1, 2), repeat=3):
        p = math.exp(log_probability(model, features[0], text))
        end = next_units(model, features[0], text)[END].exp()
        total += p / end * (1 - end)
    assert total == pytest.approx(1.0, abs=1e-4)


@given(
    shapes=st.lists(
        st.tuples(st.integers(1, 60), st.lists(st.integers(1, 5), max_size=6)),
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


@pytest.mark.parametrize("seed", range(2))
def test_a_wide_beam_finds_every_text_exactly(seed):
    model = network(units=3, seed=seed)
    features, counts = speech(16)  # two states: texts of up to four units
    truth = {t: log_probability(model, features[0], t) for t in texts_up_to(4, units=3)}
    found = model.beam(features, counts, 1_000)[0]
    assert dict(found) == {t: pytest.approx(p, abs=1e-4) for t, p in truth.items()}
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_narrow_beam_states_true_probabilities_whatever_the_padding(width):
    model = network(seed=1)
    features, counts = speech(40, 17, 32)
    for b, hypotheses in enumerate(model.beam(features, counts, width)):
        one = features[b : b + 1, : counts[b]], counts[b : b + 1]
        assert 1 <= len(hypotheses) <= width
        assert len(dict(hypotheses)) == len(hypotheses)
        scores = -model.nll_of_each(*one, [text for text, _ in hypotheses])
        assert scores.tolist() == pytest.approx([p for _, p in hypotheses], abs=1e-3)
        assert [text for text, _ in model.beam(*one, width)[0]] == [t for t, _ in hypotheses]


def test_greedy_takes_the_best_unit_at_every_step():
    model = network(units=6, seed=2)
    features, counts = speech(64, 40, 9)
    for b, found in enumerate(model.greedy(features, counts)):
        frames, written = features[b, : counts[b]], ()
        most = MOST_LABELS_A_STATE * math.ceil(len(frames) / 8)
        while len(written) < most and (u := int(next_units(model, frames, written).argmax())):
            written += (u,)
        assert tuple(found) == written


def test_a_talkative_model_ends():
    model = network()
    with torch.no_grad():
        model.decoder.output.bias[2] += 100
    features, counts = speech(32, 16)
    assert [len(units) for units in model.greedy(features, counts)] == [8, 4]
    longest = [max(len(text) for text, _ in found) for found in model.beam(features, counts, 3)]
    assert longest[0] <= 8
    assert longest[1] <= 4
