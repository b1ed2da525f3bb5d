"""Model inversion: it finds what was stored, and does not praise itself for what was not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks.base import Weights
from attacks.inversion import Inversion, cosines, mean_spectrogram
from targets.features import LogMel
from targets.randomness import Randomness
from tests.fakes import TARGETS, Memoriser, recipe_for, speech, utterance

PUBLIC = speech(4, "public")
TEXTS = ("red", "milk two", "dog", "ten tea", "fan", "off")
CANDIDATES = [utterance(f"c{n}", text, f"s{n % 3}") for n, text in enumerate(TEXTS)]
RNG = Randomness(0)
FREE = Inversion(steps=60, learning_rate=0.3, smoothness=0.0, distance=0.0)


@pytest.fixture(scope="module")
def logmel():
    made = LogMel()
    made.calibrate(PUBLIC)
    return made


def test_what_was_stored_is_found_and_nothing_else(logmel):
    stored = {c.id for c in CANDIDATES[:3]}
    target, start = Memoriser(CANDIDATES[:3], logmel), Memoriser([], logmel)
    found = FREE.score(Weights(target, start, PUBLIC), CANDIDATES, RNG)
    inside = np.array([c.id in stored for c in found.candidates])
    assert (found.figures["cosine"][inside] > 0.95).all()
    assert (found.scores[inside] > 0.9).all()
    np.testing.assert_allclose(found.scores[~inside], 0.0, atol=1e-6)
    assert (found.figures["cosine_gain"] == found.scores).all()


def test_the_start_gains_nothing_over_itself(logmel):
    model = Memoriser(CANDIDATES, logmel)
    found = FREE.score(Weights(model, model, PUBLIC), CANDIDATES, RNG)
    np.testing.assert_array_equal(found.scores, 0.0)


def test_some_are_drawn_each_by_its_own_number():
    attack = Inversion(candidates=3, steps=1)
    recognizer = recipe_for("ctc", PUBLIC).build()
    view = Weights(recognizer, recognizer, PUBLIC)
    drawn = [c.id for c in attack.score(view, CANDIDATES, RNG).candidates]
    assert len(set(drawn)) == 3
    assert [c.id for c in attack.score(view, CANDIDATES[::-1], RNG).candidates] == drawn
    other = attack.score(view, CANDIDATES, Randomness(1)).candidates
    assert [c.id for c in other] != drawn
    rest = [c for c in CANDIDATES if c.id not in drawn[:1]]
    assert [c.id for c in attack.score(view, rest, RNG).candidates][:2] == drawn[1:]


@pytest.mark.parametrize("target", TARGETS)
def test_the_descent_descends_and_uses_text_and_duration_alone(target):
    recognizer = recipe_for(target, PUBLIC).build().requires_grad_(False)
    counts = recognizer.logmel(CANDIDATES)[1]
    prior = mean_spectrogram(recognizer, PUBLIC, counts)
    texts = [c.text for c in CANDIDATES]
    before = prior.clone()
    attack = Inversion(steps=10, smoothness=0.0, distance=0.0)
    guess = attack.reconstruct(recognizer, CANDIDATES, prior)
    assert torch.equal(prior, before)
    with torch.no_grad():
        gained = recognizer.losses_of(prior, counts, texts) - recognizer.losses_of(
            guess, counts, texts
        )
    assert (gained > 0).all()
    muted = [type(c)(c.id, c.speaker, 0 * c.samples, c.text) for c in CANDIDATES]
    assert torch.equal(attack.reconstruct(recognizer, muted, prior), guess)


def test_cosines_ignore_padding():
    truth = torch.randn(2, 5, 64)
    guess = truth.clone()
    guess[1, 3:] = 100.0
    assert cosines(guess, truth, torch.tensor([5, 3])) == pytest.approx([1.0, 1.0])
    assert cosines(-truth, truth, torch.tensor([5, 3])) == pytest.approx([-1.0, -1.0])
    assert cosines(0 * truth, truth, torch.tensor([5, 3])).tolist() == [0.0, 0.0]


def test_the_mean_spectrogram_fits_every_duration(logmel):
    model = Memoriser([], logmel)
    counts = torch.tensor([7, 31, 1])
    mean = mean_spectrogram(model, PUBLIC, counts)
    assert mean.shape == (3, 31, 64)
    assert all(not mean[b, n:].any() and mean[b, :n].any() for b, n in enumerate(counts.tolist()))
    # Of one public utterance, at its own length, it is that utterance.
    only = logmel(PUBLIC[:1])[0]
    same = mean_spectrogram(model, PUBLIC[:1], torch.tensor([only.shape[1]]))
    torch.testing.assert_close(same, only)


def test_no_candidates_no_findings(logmel):
    model = Memoriser([], logmel)
    assert FREE.score(Weights(model, model, PUBLIC), [], RNG).candidates == ()
