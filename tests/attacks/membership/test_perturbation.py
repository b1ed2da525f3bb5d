"""What single attacks look at, against slow and obvious ways to compute it."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from attacks.base import view_of
from attacks.membership.edit_distance import EditDistance
from attacks.membership.gradient_norm import GradientNorm
from attacks.membership.loss import Loss
from attacks.membership.perturbation import AdversarialLoss, NoisyLoss
from targets.core.randomness import Randomness
from tests.fakes import EACH_TARGET, recipe_for, speech

PUBLIC = speech(3, "public")
CANDIDATES = speech(4, "private")
RNG = Randomness(0)


@pytest.fixture(scope="module", params=EACH_TARGET)
def view(request):
    recipe = recipe_for(request.param, PUBLIC)
    return view_of("weights", recipe.build(), recipe.build(), PUBLIC)


def scores(attack, view, candidates=CANDIDATES):
    return attack.score(view, candidates, RNG).scores


def test_gradient_norms_are_those_of_one_example_at_a_time(view):
    recognizer = copy.deepcopy(view.recognizer).requires_grad_(True)
    for candidate, score in zip(CANDIDATES, scores(GradientNorm(), view), strict=True):
        recognizer.zero_grad()
        recognizer.nll_of(*recognizer.logmel([candidate]), [candidate.text]).sum().backward()
        square = sum(float(p.grad.square().sum()) for p in recognizer.network.parameters())
        assert score == pytest.approx(-np.log(square) / 2, rel=1e-3, abs=1e-3)


def test_adversarial_steps_raise_the_loss_by_their_size(view):
    plain, near, far = (
        scores(attack, view)
        for attack in (Loss(), AdversarialLoss(size=0.01), AdversarialLoss(size=0.05))
    )
    assert (near < plain).all()
    assert (far < near).all()
    np.testing.assert_allclose(scores(AdversarialLoss(size=0.0), view), plain, rtol=1e-4, atol=1e-4)
    # To first order the loss rises by the step's length times the gradient's.
    candidate = CANDIDATES[0]
    features, counts = view.recognizer.logmel([candidate])
    features.requires_grad_()
    loss = view.recognizer.nll_of(features, counts, [candidate.text]).sum()
    (slope,) = torch.autograd.grad(loss, features)
    rise = 1e-3 * np.sqrt(features.numel()) * float(slope.norm()) / len(candidate.text)
    found = plain[0] - scores(AdversarialLoss(size=1e-3), view, [candidate])[0]
    assert found == pytest.approx(rise, rel=0.1)


def test_noise_is_as_loud_as_said_and_the_same_for_every_model(view):
    heard = []

    class Listener:
        def nll(self, utterances):
            heard.extend(utterances)
            return np.zeros(len(utterances))

    NoisyLoss(draws=2, loudness=0.1).score(Listener(), CANDIDATES, RNG)
    assert len(heard) == 2 * len(CANDIDATES)
    for noisy, candidate in zip(heard, CANDIDATES * 2, strict=True):
        noise = noisy.samples - candidate.samples
        loudness = np.sqrt(np.mean(noise**2) / np.mean(candidate.samples**2))
        assert loudness == pytest.approx(0.1, rel=0.05)
    assert not np.array_equal(heard[0].samples, heard[len(CANDIDATES)].samples)
    again = NoisyLoss().score(view, CANDIDATES, Randomness(9)).scores
    np.testing.assert_array_equal(again, scores(NoisyLoss(), view))
    silent = scores(NoisyLoss(loudness=0.0), view)
    np.testing.assert_allclose(silent, scores(Loss(), view), rtol=1e-4, atol=1e-4)


def test_edit_distance_counts_wrong_characters():
    class Deaf:
        def transcribe(self, utterances):
            return ["on of", "", "cat"][: len(utterances)]

    spoken = [replace(CANDIDATES[n], text=t) for n, t in enumerate(("on off", "two", "cat"))]
    found = EditDistance().score(Deaf(), spoken, RNG)
    np.testing.assert_allclose(found.scores, [-1 / 6, -1.0, 0.0])
