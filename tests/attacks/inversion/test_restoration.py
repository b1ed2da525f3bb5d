"""Restoration: a model that stored a recording points straight back at it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.base import view_of
from attacks.inversion.restoration import Restoration
from targets.core.randomness import Randomness
from targets.speech.features import LogMel
from tests.fakes import Memoriser, recipe_for, speech, utterance

PUBLIC = speech(4, "public")
TEXTS = ("red", "milk two", "dog", "ten tea", "fan", "off")
CANDIDATES = [utterance(f"c{n}", text, f"s{n % 3}") for n, text in enumerate(TEXTS)]
ATTACK = Restoration(draws=2)


@pytest.fixture(scope="module")
def logmel():
    made = LogMel()
    made.calibrate(PUBLIC)
    return made


def test_a_memoriser_is_caught_and_knows_no_way_back_to_the_rest(logmel):
    stored = {c.id for c in CANDIDATES[:3]}
    target, start = Memoriser(CANDIDATES[:3], logmel), Memoriser([], logmel)
    found = ATTACK.score(view_of("weights", target, start, PUBLIC), CANDIDATES, Randomness(0))
    inside = np.array([c.id in stored for c in found.candidates])
    np.testing.assert_allclose(found.figures["way_back"][inside], 1.0, atol=1e-5)
    np.testing.assert_allclose(found.scores[inside], 1.0, atol=1e-5)
    np.testing.assert_array_equal(found.scores[~inside], 0.0)


def test_the_start_gains_nothing_over_itself():
    model = recipe_for("ctc", PUBLIC).build()
    found = ATTACK.score(view_of("weights", model, model, PUBLIC), CANDIDATES, Randomness(0))
    np.testing.assert_array_equal(found.scores, 0.0)
    assert np.abs(found.figures["way_back"]).max() > 0


def test_the_way_is_the_gradient_s_by_finite_differences():
    model = recipe_for("ctc", PUBLIC).build()
    (candidate,) = CANDIDATES[:1]
    found = Restoration(draws=1).way_back(model, [candidate], Randomness(0))
    truth, counts = model.logmel([candidate])
    generator = Randomness(0).child("noise", candidate.id, 0).torch()
    noise = torch.randn(truth.shape[1:], generator=generator)

    def loss(frames):
        return model.nll_of(frames, counts, [candidate.text]).double().item()

    uphill = torch.zeros(truth[0].numel(), dtype=torch.float64)
    step = torch.zeros_like(truth)
    for n in range(0, len(uphill), 97):  # one in 97 numbers, or it takes minutes
        step.view(-1)[n] = 1e-2
        uphill[n] = (loss(truth + noise + step) - loss(truth + noise - step)) / 2e-2
        step.view(-1)[n] = 0.0
    some = uphill != 0
    frames = (truth + noise).requires_grad_()
    (exact,) = torch.autograd.grad(model.nll_of(frames, counts, [candidate.text]).sum(), frames)
    np.testing.assert_allclose(exact.flatten()[some].numpy(), uphill[some].numpy(), atol=2e-3)
    cosine = torch.cosine_similarity(-exact.flatten(), -noise.flatten(), 0)
    assert found[0] == pytest.approx(cosine.item(), abs=1e-5)
