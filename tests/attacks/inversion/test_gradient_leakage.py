"""Gradient leakage: a gradient gives all away, a little noise gives nothing, zero says nothing."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch.nn import functional as F

from attacks.base import view_of
from attacks.inversion.gradient_leakage import GradientLeakage, f1s, gradient_of
from attacks.inversion.gradient_spectrogram import spectrogram
from targets.core.randomness import Randomness
from targets.models.base import HasAdapters, TrainsOnMore
from targets.speech.features import LogMel
from tests.fakes import EACH_TARGET, recipe_for, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(4, "public")
CANDIDATES = speech(8, "private", speakers=3, words=1)
CHANNELS = 40  # no fewer than windows of the utterances below
ATTACK = GradientLeakage(candidates=3, epsilons=(1.0,))


@pytest.fixture(scope="module", params=EACH_TARGET)
def model(request):
    made = recipe_for(request.param, PUBLIC, size=CHANNELS).build()
    if isinstance(made.network, HasAdapters):
        pytest.skip("its convolutions are frozen")
    if not isinstance(made.logmel, LogMel):
        pytest.skip("its frames are no spectrogram alone")
    return made


def synthetic(frames, channels, width=5, stride=2, bands=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    heard = torch.randn((frames, bands), generator=generator)
    padded = F.pad(heard, (0, 0, width // 2, width // 2))
    windows = padded.unfold(0, width, stride).flatten(1)  # as `Convolution` lays them
    slopes = torch.randn((len(windows), channels), generator=generator)
    return heard, slopes.T @ windows, slopes.sum(0)


@pytest.mark.parametrize(("frames", "width", "stride"), [(20, 5, 2), (21, 5, 2), (12, 3, 1)])
def test_a_kernel_s_gradient_holds_the_spectrogram(frames, width, stride):
    heard, weight, bias = synthetic(frames, 14, width, stride)
    prior = torch.zeros_like(heard)
    found = spectrogram(weight, bias, prior, stride)
    torch.testing.assert_close(found, heard, atol=0.02, rtol=0.02)
    # Its scale says nothing: clipping protects nothing.
    again = spectrogram(1e-4 * weight, 1e-4 * bias, prior, stride)
    torch.testing.assert_close(again, found, atol=0.02, rtol=0.02)


def test_noise_hides_it_and_nothing_gives_nothing():
    heard, weight, bias = synthetic(20, 14)
    prior = torch.full_like(heard, 0.5)
    generator = torch.Generator().manual_seed(1)
    size = float(weight.norm())
    noise = [10 * size * torch.randn(p.shape, generator=generator) for p in (weight, bias)]
    buried = spectrogram(weight + noise[0], bias + noise[1], prior, 2, sigma=10 * size)
    assert torch.equal(buried, prior)
    assert torch.equal(spectrogram(0 * weight, 0 * bias, prior, 2), prior)


def test_a_gradient_gives_away_who_computes_it(model):
    found = ATTACK.score(view_of("weights", model, model, PUBLIC), CANDIDATES, Randomness(0))
    figures = found.figures
    assert (figures["cosine"] > 0.95).all()
    assert (figures["cosine_clipped"] > 0.95).all()
    assert (figures["cosine_epsilon_1"] < 0.9).all()
    assert (found.scores > 0.3).all()
    assert figures["letters_f1"].mean() > figures["letters_f1_of_public"].mean()
    np.testing.assert_allclose(
        figures["letters_f1_epsilon_1"], figures["letters_f1_of_public"], atol=0.35
    )
    np.testing.assert_array_equal(figures["heard_wer"] >= 0, True)


@pytest.mark.parametrize(
    ("target", "why"),
    [("rnnt-adapters", "convolutions are frozen"), ("multilingual", "they say the language")],
)
def test_what_gives_no_spectrogram_back_is_left_out(target, why):
    model = recipe_for(target, PUBLIC).build()
    found = ATTACK.score(view_of("weights", model, model, PUBLIC), CANDIDATES, Randomness(0))
    assert found.candidates == ()
    assert why in found.reason


def test_the_rows_of_an_embedding_are_the_letters():
    model = recipe_for("rnnt", PUBLIC, size=CHANNELS).build()
    for candidate in CANDIDATES:
        seen = gradient_of(model, candidate).letters(model, {"z"})
        assert seen == set(candidate.text) - {" "}


def test_a_gradient_is_the_one_that_autograd_gives(model):
    candidate = CANDIDATES[0]
    model = copy.deepcopy(model).requires_grad_(True)  # a view may have frozen it
    read = gradient_of(model, candidate)
    features, counts = model.logmel([candidate])
    weights = list(model.network.parameters())
    network, labels = model.network, [model.tokens.encode(candidate.text)]
    loss = network.training_loss if isinstance(network, TrainsOnMore) else network.nll
    slow = torch.autograd.grad(loss(features, counts, labels).sum(), weights)
    assert read.norm == pytest.approx(sum(float(g.square().sum()) for g in slow) ** 0.5, rel=1e-3)
    first = next(n for n, w in enumerate(weights) if w.shape == read.weight.shape)
    torch.testing.assert_close(read.weight, slow[first], atol=1e-4, rtol=1e-3)
    clipped = read.released(0.0, Randomness(0))
    torch.testing.assert_close(clipped.weight * max(read.norm, 1.0), read.weight)


def test_a_model_that_learns_nothing_gives_nothing():
    model = recipe_for("ctc", PUBLIC, size=CHANNELS).build()
    with torch.no_grad():
        model.network.output.weight.zero_()
        model.network.output.bias.zero_()
    found = ATTACK.score(view_of("weights", model, model, PUBLIC), CANDIDATES, Randomness(0))
    np.testing.assert_array_equal(found.scores, 0.0)
    for name in ("stoi", "heard_wer", "cepstral_distortion", "speaker_rank"):
        np.testing.assert_array_equal(found.figures[name], found.figures[f"{name}_of_mean_speaker"])


def test_noise_is_calibrated_to_one_release():
    levels = GradientLeakage(epsilons=(1.0,), delta=1e-5).levels()
    sigma = levels["_epsilon_1"]
    assert levels[""] is None
    assert levels["_clipped"] == 0.0
    # Balle and Wang 2018, Theorem 8, for a sensitivity of 1.
    delta = norm.cdf(0.5 / sigma - sigma) - np.exp(1) * norm.cdf(-0.5 / sigma - sigma)
    assert delta == pytest.approx(1e-5, rel=1e-3)


def test_f1_of_bags():
    assert f1s([["a", "a", "b"]], [["a", "b", "b"]]) == pytest.approx([2 * 2 / 6])
    assert f1s([[], ["a"]], [["a"], ["a"]]) == pytest.approx([0.0, 1.0])
