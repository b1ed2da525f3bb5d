"""The transducer on problems small enough to enumerate."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from targets.models import rnnt
from targets.models.rnnt import Transducer
from targets.nn.search import logaddexp
from targets.speech.tokens import BLANK

pytestmark = pytest.mark.one_version


def network(units=4, seed=0):
    torch.manual_seed(seed)
    model = Transducer(units, 8, 8)
    with torch.no_grad():  # opinions strong enough that texts differ
        model.output.weight.mul_(4)
        model.embedding.weight.mul_(2)
    return model


@torch.no_grad()
def log_probability(model, features, text):
    """Return log P(text | one utterance), by Graves' forward recursion, cell by cell."""
    states, _ = model.encoder(features, torch.tensor([features.shape[1]]))
    frames = model.from_encoder(states)[0]
    joint = []
    predicted, state = model._predict(torch.tensor([BLANK]), model.prediction.start(1))
    for unit in [*text, None]:
        joint.append(model._join(frames, predicted).double())
        if unit is not None:
            predicted, state = model._predict(torch.tensor([unit]), state)
    T = len(frames)
    alpha = {(0, 0): 0.0}
    for t, u in itertools.product(range(T), range(len(text) + 1)):
        here = alpha.get((t, u), -math.inf)
        stay = here + joint[u][t, BLANK].item()
        alpha[t + 1, u] = logaddexp(alpha.get((t + 1, u), -math.inf), stay)
        if u < len(text):
            write = here + joint[u][t, text[u]].item()
            alpha[t, u + 1] = logaddexp(alpha.get((t, u + 1), -math.inf), write)
    return alpha[T, len(text)]


def texts_up_to(length, units=4):
    return [t for n in range(length + 1) for t in itertools.product(range(1, units), repeat=n)]


def test_losses_and_scores_are_the_enumerated_ones():
    model = network()
    features, counts = torch.randn(1, 24, 64), torch.tensor([24])
    texts = texts_up_to(3)
    truth = [-log_probability(model, features, t) for t in texts]
    expected = torch.tensor(truth, dtype=torch.float64)
    losses = model.nll(
        features.expand(len(texts), -1, -1), counts.repeat(len(texts)), list(map(list, texts))
    )
    torch.testing.assert_close(losses.double(), expected, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        alone = model.nll(
            features.expand(len(texts), -1, -1), counts.repeat(len(texts)), list(map(list, texts))
        )
    torch.testing.assert_close(alone.double(), expected, rtol=1e-5, atol=1e-5)
    scores = model.nll_of_each(features, counts, texts)
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)


def test_losses_of_a_ragged_batch_are_the_same_with_and_without_a_gradient():
    model = network()
    features, counts = torch.randn(3, 40, 64), torch.tensor([40, 9, 25])
    texts = [[1, 2, 3, 1], [], [2]]
    with torch.no_grad():
        alone = model.nll(features, counts, texts)
    torch.testing.assert_close(alone, model.nll(features, counts, texts).detach())


def test_a_beam_of_a_ragged_batch_is_that_of_each_utterance_alone():
    model = network()
    features, counts = torch.randn(4, 40, 64), torch.tensor([17, 40, 8, 25])
    together = model.beam(features, counts, 4)
    for n, count in enumerate(counts.tolist()):
        (alone,) = model.beam(features[n : n + 1, :count], counts[n : n + 1], 4)
        assert [prefix for prefix, _ in together[n]] == [prefix for prefix, _ in alone]
        assert [s for _, s in together[n]] == pytest.approx([s for _, s in alone], rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_best_text_and_its_probability(seed):
    model = network(seed=seed)
    with torch.no_grad():
        model.output.bias[BLANK] += 3  # so that short texts hold nearly all probability
    features, counts = torch.randn(1, 24, 64), torch.tensor([24])  # 3 states
    truth = {t: log_probability(model, features, t) for t in texts_up_to(4)}
    found = model.beam(features, counts, 3_000)[0]
    scores = dict(found)
    assert len(scores) == len(found)
    # Up to five units a frame, so that texts of up to four have all their alignments.
    for text, p in truth.items():
        assert scores[text] == pytest.approx(p, abs=1e-2)
    assert found[0][1] >= max(truth.values()) - 1e-3
    assert [p for _, p in found] == sorted(scores.values(), reverse=True)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_narrow_beam_never_overstates(width):
    model = network(seed=1)
    features, counts = torch.randn(3, 40, 64), torch.tensor([40, 17, 32])
    for b, hypotheses in enumerate(model.beam(features, counts, width)):
        assert 1 <= len(hypotheses) <= width
        assert len(dict(hypotheses)) == len(hypotheses)
        for text, p in hypotheses:
            assert p <= log_probability(model, features[b : b + 1, : counts[b]], text) + 1e-3


@given(lengths=st.lists(st.integers(8, 60), min_size=1, max_size=4))
@settings(max_examples=10)
def test_greedy_is_step_by_step_whatever_the_padding(lengths):
    model = network(units=6)
    alone = [torch.randn(n, 64) for n in lengths]
    batch = torch.nn.utils.rnn.pad_sequence(alone, batch_first=True)
    found = model.greedy(batch, torch.tensor(lengths))
    for frames, units in zip(alone, found, strict=True):
        assert units == slow_greedy(model, frames)


@torch.no_grad()
def slow_greedy(model, frames):
    states, _ = model.encoder(frames[None], torch.tensor([len(frames)]))
    written = []
    predicted, state = model._predict(torch.tensor([BLANK]), model.prediction.start(1))
    for frame in model.from_encoder(states)[0]:
        for _ in range(rnnt.MOST_LABELS_A_FRAME):
            unit = int(model._join(frame, predicted)[0].argmax())
            if unit == BLANK:
                break
            written.append(unit)
            predicted, state = model._predict(torch.tensor([unit]), state)
    return written


def test_a_talkative_model_ends():
    model = network()
    with torch.no_grad():
        model.output.bias[2] += 100
    features, counts = torch.randn(2, 32, 64), torch.tensor([32, 16])
    most = [n // 8 * rnnt.MOST_LABELS_A_FRAME for n in counts.tolist()]
    assert [len(units) for units in model.greedy(features, counts)] == most
    assert all(
        len(h[0][0]) <= m for h, m in zip(model.beam(features, counts, 3), most, strict=True)
    )


def test_empty_transcripts_have_a_loss():
    model = network()
    features, counts = torch.randn(2, 24, 64), torch.tensor([24, 16])
    mixed = model.nll(features, counts, [[], [1, 2]])
    empty = model.nll(features[:1], counts[:1], [[]])
    torch.testing.assert_close(mixed[:1], empty)
    assert empty.item() == pytest.approx(-log_probability(model, features[:1], ()), rel=1e-4)
