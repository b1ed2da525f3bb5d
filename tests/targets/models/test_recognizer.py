"""A recogniser's verbs: one number or text an utterance, in order, whatever the batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from targets.core.randomness import Randomness
from targets.models.base import TrainsOnMore
from targets.models.recognizer import in_batches
from targets.speech.features import MELS, LogMel
from targets.speech.tokens import Characters
from targets.training.recipe import Recipe, Schedule
from tests.fakes import EACH_TARGET, canary, recipe_for, speech, utterance

SPEECH = speech(9, "public", words=3)


def untrained(target):
    recipe = Recipe(target, Characters(), 8, 8, Schedule(1), 1e-2, 8)
    return recipe.untrained(Randomness(4))


@pytest.fixture(scope="module", params=EACH_TARGET)
def recognizer(request):
    return recipe_for(request.param, SPEECH).build()


@pytest.mark.one_version
def test_losses_do_not_depend_on_the_company(recognizer):
    alone = torch.stack([recognizer.nll([u])[0] for u in SPEECH])
    torch.testing.assert_close(recognizer.nll(SPEECH), alone, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(recognizer.nll(SPEECH[::-1]).flip(0), alone, rtol=1e-4, atol=1e-4)
    assert (alone > 0).all()


@pytest.mark.one_version
def test_transcripts_do_not_depend_on_the_company(recognizer):
    for beam in (1, 3):
        alone = [recognizer.transcribe([u], beam)[0] for u in SPEECH]
        assert recognizer.transcribe(SPEECH, beam) == alone


def test_nothing_in_nothing_out(recognizer):
    assert recognizer.nll([]).shape == (0,)
    assert recognizer.transcribe([]) == []
    assert recognizer.transcribe([], 4) == []
    assert recognizer.examples([]) == []


@pytest.mark.one_version
def test_training_and_measuring_see_the_same_loss(recognizer, monkeypatch):
    with torch.no_grad():
        trained = recognizer.example_nll(recognizer.examples(SPEECH))
        if isinstance(recognizer.network, TrainsOnMore):
            assert (trained > recognizer.nll(SPEECH)).all()
            monkeypatch.setattr(recognizer.network, "compute_weight", 0.0)  # the likelihood alone
            trained = recognizer.example_nll(recognizer.examples(SPEECH))
    torch.testing.assert_close(trained, recognizer.nll(SPEECH), rtol=1e-4, atol=1e-4)


@pytest.mark.one_version
def test_one_recording_serves_all_its_transcripts(recognizer):
    features, counts = recognizer.logmel(SPEECH[:1])
    texts = [u.text for u in SPEECH[:4]]
    together = recognizer.nll_of(features, counts, texts)
    alone = torch.cat([recognizer.nll_of(features, counts, [text]) for text in texts])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.one_version
def test_score_is_the_loss_of_each_text(recognizer):
    spoken = utterance("long", "red milk two dogs")
    texts = ["red milk", "red milk two", "two", "ten", "a", "red milk two dogs", "off", "two"]
    features, counts = recognizer.logmel([spoken])
    with torch.no_grad():
        losses = recognizer.nll_of(
            features.expand(len(texts), -1, -1), counts.repeat(len(texts)), texts
        )
    scores = recognizer.nll_of_texts(spoken, texts)
    torch.testing.assert_close(scores, losses.double(), rtol=1e-4, atol=1e-4)


@pytest.mark.one_version
def test_the_score_of_a_whole_secret_space(recognizer):
    spoken = canary(0, 123)
    texts = [f"my pin code is {a} {b}" for a in ("one", "two", "six") for b in ("ten", "two")]
    features, counts = recognizer.logmel([spoken])
    with torch.no_grad():
        losses = [recognizer.nll_of(features, counts, [t])[0].item() for t in texts]
    assert recognizer.nll_of_texts(spoken, texts).tolist() == pytest.approx(losses, rel=1e-4)


@pytest.mark.one_version
def test_hypotheses_come_best_first(recognizer):
    for hypotheses in recognizer.hypotheses(SPEECH, 5):
        scores = [p for _, p in hypotheses]
        assert 1 <= len(scores) <= 5
        assert scores == sorted(scores, reverse=True)


@pytest.mark.one_version
@pytest.mark.parametrize("target", EACH_TARGET)
def test_the_loss_is_differentiable_in_the_spectrogram(target):
    recognizer = untrained(target).requires_grad_(False)
    torch.manual_seed(0)
    counts, texts = torch.tensor([40, 33]), ["on", "a"]
    features = torch.randn(2, 40, MELS, requires_grad=True)
    (slope,) = torch.autograd.grad(recognizer.nll_of(features, counts, texts).sum(), features)
    assert not slope[1, 33:].any(), "padding has no gradient"
    # Along the gradient itself, where a step of float32 shows best.
    direction = slope / slope.norm()
    with torch.no_grad():
        ahead, behind = (
            recognizer.nll_of(features + step * direction, counts, texts).double().sum()
            for step in (0.05, -0.05)
        )
    assert ((ahead - behind) / 0.1).item() == pytest.approx(slope.norm().item(), rel=0.01)


@given(sizes=st.lists(st.integers(400, 3000), max_size=70), size=st.integers(1, 40))
@settings(max_examples=25)
def test_in_batches_keeps_the_order(sizes, size):
    utterances = [utterance(str(n), "a" * (1 + s % 3)) for n, s in enumerate(sizes)]
    batches = []

    def identify(batch):
        batches.append(len(batch))
        return [u.id for u in batch]

    assert in_batches(utterances, identify, size) == [u.id for u in utterances]
    assert all(n <= size for n in batches)


@pytest.mark.one_version
def test_features_are_standardised_by_public_speech_alone():
    logmel = LogMel()
    logmel.calibrate(SPEECH)
    frames = torch.cat([logmel([u])[0][0] for u in SPEECH])
    torch.testing.assert_close(frames.mean(0), torch.zeros(MELS), atol=1e-3, rtol=0)
    assert (frames.std(0) < 1.001).all()
    features, counts = logmel(SPEECH[:3])
    for b, u in enumerate(SPEECH[:3]):
        torch.testing.assert_close(features[b, : counts[b]], logmel([u])[0][0])
        assert not features[b, counts[b] :].any()
        assert counts[b] == len(u.samples) // 160 + 1


def test_silence_is_finite():
    silent = utterance("silent", "a")
    silent = type(silent)("z", "s", 0 * silent.samples, "a")
    assert torch.isfinite(LogMel().raw(silent)).all()


@pytest.mark.parametrize("target", EACH_TARGET)
def test_a_recipe_builds_the_same_target_again(target):
    recipe = recipe_for(target, SPEECH[:4])
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, other = recipe.build().state_dict(), recipe.build().state_dict()
    assert torch.equal(before, torch.get_rng_state())
    for name, weight in one.items():
        assert torch.equal(weight, other[name])
        assert torch.equal(weight, recipe.start[name])
