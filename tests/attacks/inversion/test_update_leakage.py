"""Update leakage: steps hide nothing, lengths tell utterances apart, a little noise hides all."""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch

from attacks.inversion.gradient_leakage import gradient_of
from attacks.inversion.metrics import cosines
from attacks.inversion.prior import SpeechPrior, spectrograms
from attacks.inversion.update_leakage import Moved, Update, most_frames, reconstructed
from targets.core.errors import OverheardError
from targets.nn.layers import sequence_mask
from tests.fakes import recipe_for, speech, utterance

PUBLIC = speech(4, "public")
SHORT, LONG = utterance("a", "red"), utterance("b", "milk")


@cache
def started(channels, target="ctc"):
    model = recipe_for(target, PUBLIC, size=channels).build()
    return model, SpeechPrior.learn(spectrograms(model, PUBLIC))


def learnt(model, utterances, steps=1, rate=0.05):
    after = copy.deepcopy(model)
    weights = list(after.network.parameters())
    examples = after.examples(utterances)
    for _ in range(steps):
        slopes = torch.autograd.grad(after.example_nll(examples).mean(), weights)
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight -= rate * slope
    return after


def found(channels, utterances, sigma=0.0, **how):
    model, prior = started(channels)
    truth, counts = model.logmel(utterances)
    after = learnt(model, utterances, **how)
    if sigma:
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for weight in after.network.parameters():
                weight += sigma * torch.randn(weight.shape, generator=generator)
    guess = reconstructed([Update(model, after)], counts, prior, sigma)
    return guess, cosines(guess, truth, counts), cosines(prior.mean(counts), truth, counts)


def test_one_step_on_one_utterance_is_its_gradient():
    model, prior = started(40)
    _, counts = model.logmel([LONG])
    exact = gradient_of(model, LONG).spectrogram(prior.mean(counts)[0], 2)
    guess, _, _ = found(40, [LONG])
    torch.testing.assert_close(guess[0], exact, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("steps", [4, 16])
def test_further_steps_hide_nothing(steps):
    _, cosine, _ = found(40, [LONG], steps=steps)
    assert (cosine > 0.95).all()


def test_utterances_of_two_lengths_are_told_apart():
    _, cosine, mean = found(64, [SHORT, LONG], steps=3)
    assert (cosine > 0.95).all()
    assert (mean < 0.9).all()


def test_clients_in_a_sum_are_told_apart():
    model, prior = started(64)
    truth, counts = model.logmel([SHORT, LONG])
    one, total = learnt(model, [SHORT], steps=2), learnt(model, [LONG], steps=3)
    parts = (m.network.parameters() for m in (model, one, total))
    with torch.no_grad():
        for old, moved, weight in zip(*parts, strict=True):
            weight += moved - old
    guess = reconstructed([Update(model, total)], counts, prior)
    assert (cosines(guess, truth, counts) > 0.95).all()


def test_the_near_way_of_convrnnt_gives_back_what_it_heard():
    """The far way, its global encoder, hears the same frames, and hides nothing of them."""
    model, prior = started(20, "convrnnt")
    truth, counts = model.logmel([LONG])
    assert int(counts) <= most_frames(model)
    guess = reconstructed([Update(model, learnt(model, [LONG]))], counts, prior)
    assert (cosines(guess, truth, counts) > 0.95).all()
    assert (cosines(prior.mean(counts), truth, counts) < 0.9).all()


def test_a_further_round_adds_rows():
    model, prior = started(12)
    truth, counts = model.logmel([LONG])  # 19 windows
    once = learnt(model, [LONG], steps=4)
    rounds = [Update(model, once), Update(once, learnt(once, [LONG], steps=4))]
    alone, both = (
        cosines(reconstructed(r, counts, prior), truth, counts) for r in (rounds[:1], rounds)
    )
    assert (alone < 0.9).all()
    assert (both > 0.95).all()


def test_how_many_frames_come_back_whole():
    model, _ = started(12)
    assert most_frames(model) == 24  # 12 windows, one every second frame
    assert most_frames(recipe_for("convrnnt", PUBLIC, size=12).build()) == 24
    assert most_frames(recipe_for("rnnt-adapters", PUBLIC, size=8).build()) == 0


def test_two_of_one_length_are_mixed():
    _, cosine, _ = found(64, [utterance("c", "red"), utterance("d", "fan")])
    assert (cosine < 0.95).any()


def test_the_second_convolution_tells_what_it_heard_in_one_step():
    model = started(12)[0]  # windows of the first convolution are more, of the second fewer
    frames, counts = model.logmel([LONG])
    before = model.network.encoder
    truth = before.convolved(0, frames, sequence_mask(counts, frames.shape[1]), counts)[0][0]
    for steps, close in ((1, True), (16, False)):
        after = learnt(model, [LONG], steps, rate=0.2).network.encoder
        moved = Moved.between(before.convolutions[1], after.convolutions[1], 0.0)
        heard = moved.heard(torch.zeros_like(truth), 2)
        assert torch.allclose(heard, truth.detach(), atol=0.1) == close
        windows = 10
        assert (moved.rank() <= windows) == close
    _, cosine, mean = found(12, [LONG])
    assert (cosine > mean).all()


@pytest.mark.parametrize("channels", [12, 40])
def test_noise_leaves_the_mean_speaker(channels):
    model, prior = started(channels)
    guess, _, _ = found(channels, [LONG], sigma=10.0)
    assert torch.equal(guess, prior.mean(model.logmel([LONG])[1]))


def test_a_target_without_trained_convolutions_is_refused():
    model, prior = started(40)
    with pytest.raises(OverheardError, match="does not begin with convolutions"):
        reconstructed([Update(model.logmel, model.logmel)], torch.tensor([20]), prior)
