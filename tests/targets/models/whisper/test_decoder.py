"""Whisper with adapters: transformers' own figures where it is untouched, exact gradients."""

from __future__ import annotations

import math

import pytest
import torch

from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.models.pretrained import Pretrained
from targets.models.whisper.decoder import Whisper
from targets.models.whisper.states import encoded
from targets.models.whisper.tokens import WhisperTokens, exchanged
from targets.nn.search import END
from targets.nn.tape import recording, square_norms
from targets.training.fit import fit
from tests.fakes import speech, utterance
from tests.tiny_whisper import make_whisper, recipe_of

SPEECH = speech(6, "private", words=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("OVERHEARD_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def network(folder):
    torch.manual_seed(1)
    made = Whisper(Pretrained(folder, rank=3))
    with torch.no_grad():  # adapters with opinions
        for adapter in made.adapters.values():
            adapter.up.weight.normal_(std=0.2)
    return made


def heard(*lengths, width=16, seed=0):
    """Return padded states, the padding full of noise, and their counts."""
    torch.manual_seed(seed)
    return torch.randn(len(lengths), max(lengths), width), torch.tensor(lengths)


def of_transformers(folder, texts, mels):
    """Return the losses of texts under the library's own model, of logits one label at a time."""
    from transformers import WhisperForConditionalGeneration

    model = WhisperForConditionalGeneration.from_pretrained(folder).eval()
    tokens = WhisperTokens(folder)
    ends = tokens.size - 6
    prompt = [ends + 1, ends + 4]
    losses = []
    for text in texts:
        labels = tokens.encode(text)
        inputs = torch.tensor([[*prompt, *labels]])
        with torch.no_grad():
            logits = model(input_features=mels, decoder_input_ids=inputs).logits[0].double()
        wanted = torch.tensor([*labels, ends])
        log_probs = logits[len(prompt) - 1 :].log_softmax(-1)
        losses.append(-log_probs.gather(1, wanted[:, None]).sum())
    return torch.stack(losses)


def test_an_untouched_one_is_the_checkpoint(folder):
    network = Whisper(Pretrained(folder))
    mels = torch.randn(1, 16, 600)
    states = encoded(network.checkpoint, network.checkpoint.weights, mels)
    texts = ["on a two", "", "red milk", "a"]
    tokens = WhisperTokens(folder)
    labels = [tokens.encode(text) for text in texts]
    expected = of_transformers(folder, texts, mels)
    assert expected.std() > 1
    counts = torch.tensor([300])
    losses = network.nll(states, counts, labels)
    torch.testing.assert_close(losses.double(), expected, rtol=1e-4, atol=1e-4)
    each = network.nll_of_each(states, counts, labels)
    torch.testing.assert_close(each, expected, rtol=1e-4, atol=1e-4)


def test_losses_are_the_same_alone_and_in_a_padded_batch(network):
    features, counts = heard(70, 24, 45)
    texts = [[1, 5, 9, 3], [], [4, 4]]
    together = network.nll(features, counts, texts)
    for b, n in enumerate(counts.tolist()):
        one = features[b : b + 1, :n], counts[b : b + 1]
        alone = network.nll(*one, [texts[b]])
        torch.testing.assert_close(together[b : b + 1], alone, rtol=1e-4, atol=1e-4)
        each = network.nll_of_each(*one, [texts[b], [7], texts[b]])
        torch.testing.assert_close(each[[0, 2]].float(), alone.repeat(2), rtol=1e-4, atol=1e-4)


def test_gradients_from_the_tape_are_those_of_one_at_a_time(network):
    features, counts = heard(70, 24, 45)
    texts = [[1, 1, 5, 2, 3], [], [4]]
    with recording() as tape:
        losses = network.nll(features, counts, texts)
    gradients = tape.gradients(losses)
    rows = {p: g for use, gradient in gradients for p, g in use.per_example(gradient)}
    assert set(rows) == set(network.parameters())
    norms = square_norms(gradients).sqrt()
    for b, text in enumerate(texts):
        alone = network.nll(features[b : b + 1, : counts[b]], counts[b : b + 1], [text])
        expected = torch.autograd.grad(alone.sum(), list(rows))
        truth = torch.cat([g.flatten() for g in expected])
        found = torch.cat([g[b].flatten() for g in rows.values()])
        assert (found - truth).norm() <= 1e-4 * truth.norm()
        assert norms[b].item() == pytest.approx(truth.norm().item(), rel=1e-4)


def test_the_gradient_is_the_slope_of_the_loss(network):
    features, counts = heard(40, 33)
    texts = [[1, 5, 2], [4]]
    parameters = list(network.parameters())
    found = torch.autograd.grad(network.nll(features, counts, texts).sum(), parameters)
    length = math.sqrt(sum(float(g.square().sum()) for g in found))
    values = []
    for step in (0.01, -0.01):
        with torch.no_grad():
            for p, g in zip(parameters, found, strict=True):
                p += step * g / length
            values.append(network.nll(features, counts, texts).double().sum())
            for p, g in zip(parameters, found, strict=True):
                p -= step * g / length
    assert float((values[0] - values[1]) / 0.02) == pytest.approx(length, rel=0.01)


def test_losses_are_differentiable_in_the_real_states_only(network):
    features, counts = heard(40, 21)
    features.requires_grad_()
    (slope,) = torch.autograd.grad(network.nll(features, counts, [[1, 2], [3]]).sum(), features)
    assert (slope[0].norm(dim=1) > 0).all()
    assert (slope[1, :21].norm(dim=1) > 0).all()
    assert not slope[1, 21:].any()


@pytest.mark.parametrize("width", [1, 3])
def test_a_beam_states_true_probabilities_whatever_the_padding(network, width):
    features, counts = heard(60, 25, 32, seed=3)
    for b, hypotheses in enumerate(network.beam(features, counts, width)):
        one = features[b : b + 1, : counts[b]], counts[b : b + 1]
        assert 1 <= len(hypotheses) <= width
        assert len(dict(hypotheses)) == len(hypotheses)
        assert max(len(text) for text, _ in hypotheses) <= counts[b] // 10
        losses = network.nll_of_each(*one, [text for text, _ in hypotheses])
        assert losses.tolist() == pytest.approx([-p for _, p in hypotheses], abs=1e-3)
        assert [text for text, _ in network.beam(*one, width)[0]] == [t for t, _ in hypotheses]


def test_greedy_takes_the_best_label_at_every_step(network):
    features, counts = heard(60, 40, seed=5)
    end, prompt = network.checkpoint.end, network.checkpoint.prompt
    for b, found in enumerate(network.greedy(features, counts)):
        states = network._hear(features[b : b + 1, : counts[b]], counts[b : b + 1])
        written: list[int] = []
        while len(written) < counts[b] // 10:
            read = network._read(torch.tensor([[*prompt, *written]]), states)[0, -1]
            best = int((read @ network._table(read.device).T)[: end + 1].argmax())
            if best == end:
                break
            written.append(best)
        assert found == [exchanged(label, end) for label in written]


def test_only_adapters_are_weights(folder, network):
    assert set(network.state_dict()) == {n for n, _ in network.named_parameters()}
    assert len(network.state_dict()) == 2 * 2 * 4  # layers, attentions, maps, thin ones
    other = Whisper(Pretrained(folder, rank=3))
    assert other.checkpoint is network.checkpoint


def test_it_learns_as_a_recogniser(folder):
    recipe = recipe_of(folder)
    recognizer = recipe.untrained(Randomness(0))
    before = recognizer.nll(SPEECH)
    fit(recognizer, SPEECH, recipe.schedule, Randomness(0))
    after = recognizer.nll(SPEECH)
    assert after.sum() < 0.9 * before.sum()
    torch.testing.assert_close(
        recognizer.nll_of_texts(SPEECH[0], [SPEECH[0].text]).float(),
        after[:1],
        rtol=1e-4,
        atol=1e-3,
    )
    frozen = recipe.untrained(Randomness(0)).nll(SPEECH)
    torch.testing.assert_close(frozen, before)  # nothing of the checkpoint was moved


def test_the_end_is_label_zero(network):
    features, counts = heard(30)
    with torch.no_grad():
        texts = network.beam(features, counts, 2)[0]
    assert all(END not in text for text, _ in texts)


def test_long_speech_is_refused_in_words(folder):
    recognizer = recipe_of(folder).untrained(Randomness(0))
    long = utterance("long", "a" * 90)
    with pytest.raises(OverheardError, match=r"utterance long: lasts 7\.2 s, .* hears 6 s"):
        recognizer.nll([long])
