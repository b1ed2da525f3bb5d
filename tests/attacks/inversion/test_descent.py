"""Model inversion: it finds what was stored, and does not praise itself for what was not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from attacks.base import view_of
from attacks.inversion.descent import Inversion
from attacks.inversion.prior import BLOCK, SpeechPrior, scrambled, spectrograms
from targets.core.randomness import Randomness
from targets.speech.features import LogMel
from tests.fakes import EACH_TARGET, Memoriser, recipe_for, speech, utterance

pytestmark = pytest.mark.one_version

PUBLIC = speech(4, "public")
TEXTS = ("red", "milk two", "dog", "ten tea", "fan", "off")
CANDIDATES = [utterance(f"c{n}", text, f"s{n % 3}") for n, text in enumerate(TEXTS)]
RNG = Randomness(0)
FREE = Inversion(steps=60, learning_rate=0.3, strangeness=0.0, distance=0.0)


@pytest.fixture(scope="module")
def logmel():
    made = LogMel()
    made.calibrate(PUBLIC)
    return made


@pytest.mark.slow
def test_what_was_stored_is_found_and_nothing_else(logmel):
    stored = {c.id for c in CANDIDATES[:3]}
    target, start = Memoriser(CANDIDATES[:3], logmel), Memoriser([], logmel)
    found = FREE.score(view_of("weights", target, start, PUBLIC), CANDIDATES, RNG)
    inside = np.array([c.id in stored for c in found.candidates])
    assert (found.figures["cosine"][inside] > 0.95).all()
    assert (found.scores[inside] > 0.9).all()
    np.testing.assert_allclose(found.scores[~inside], 0.0, atol=1e-6)
    assert (found.figures["cosine_gain"] == found.scores).all()


@pytest.mark.slow
def test_the_start_gains_nothing_over_itself(logmel):
    model = Memoriser(CANDIDATES, logmel)
    found = FREE.score(view_of("weights", model, model, PUBLIC), CANDIDATES, RNG)
    np.testing.assert_array_equal(found.scores, 0.0)


def test_some_are_drawn_each_by_its_own_number():
    attack = Inversion(candidates=3, steps=1)
    recognizer = recipe_for("ctc", PUBLIC).build()
    view = view_of("weights", recognizer, recognizer, PUBLIC)
    drawn = [c.id for c in attack.score(view, CANDIDATES, RNG).candidates]
    assert len(set(drawn)) == 3
    assert [c.id for c in attack.score(view, CANDIDATES[::-1], RNG).candidates] == drawn
    other = attack.score(view, CANDIDATES, Randomness(1)).candidates
    assert [c.id for c in other] != drawn
    rest = [c for c in CANDIDATES if c.id not in drawn[:1]]
    assert [c.id for c in attack.score(view, rest, RNG).candidates][:2] == drawn[1:]


@pytest.mark.parametrize("target", EACH_TARGET)
@pytest.mark.parametrize("components", [0, 8])
def test_the_descent_descends_and_uses_text_and_duration_alone(target, components):
    recognizer = recipe_for(target, PUBLIC).build()
    counts = recognizer.logmel(CANDIDATES)[1]
    texts = [c.text for c in CANDIDATES]
    prior = SpeechPrior.learn(spectrograms(recognizer, PUBLIC), components)
    attack = Inversion(
        steps=10, starts=1, strangeness=0.0, distance=0.0, components=components, learning_rate=0.3
    )
    begun = replace(attack, steps=0).reconstruct(recognizer, CANDIDATES, prior, RNG)
    guess = attack.reconstruct(recognizer, CANDIDATES, prior, RNG)
    with torch.no_grad():
        gained = recognizer.nll_of(begun, counts, texts) - recognizer.nll_of(guess, counts, texts)
    assert (gained > 0).all()
    muted = [type(c)(c.id, c.speaker, 0 * c.samples, c.text) for c in CANDIDATES]
    assert torch.equal(attack.reconstruct(recognizer, muted, prior, RNG), guess)


def test_of_several_starts_the_best_end_is_kept(logmel):
    model = Memoriser(PUBLIC[1:2], logmel)  # which one of the starts is already
    counts = logmel(PUBLIC[1:2])[1]
    prior = SpeechPrior.learn(spectrograms(model, PUBLIC))

    def end(starts):
        attack = replace(FREE, steps=0, starts=starts)
        guess = attack.reconstruct(model, PUBLIC[1:2], prior, RNG)
        return model.nll_of(guess, counts, [PUBLIC[1].text]).item()

    assert end(1) > 100
    assert end(1 + len(PUBLIC)) == pytest.approx(0.0, abs=1e-3)


def test_the_prior_finds_speech_usual_and_noise_strange(logmel):
    known = spectrograms(Memoriser([], logmel), PUBLIC)
    prior = SpeechPrior.learn(known, 4)
    heard = logmel([PUBLIC[0]])[0]
    assert 0.2 < prior.strangeness(heard).item() < 1.2
    assert prior.strangeness(torch.randn(heard.shape)).item() > 3
    # What components can say is heard as what was said.
    latent = torch.randn(2, 3, 4)
    frames = prior.speak(latent, 3 * BLOCK)
    torch.testing.assert_close(prior.latent(frames), latent, atol=1e-3, rtol=1e-3)


def test_a_scrambled_model_has_the_same_numbers_in_another_order():
    model = recipe_for("rnnt", PUBLIC).build()
    before = {name: w.clone() for name, w in model.named_parameters()}
    other = dict(scrambled(model, RNG).named_parameters())
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name])
        assert torch.equal(weight.flatten().sort()[0], other[name].flatten().sort()[0])
    changed = [not torch.equal(before[n], other[n]) for n in before if before[n].std() > 0]
    assert all(changed)


def test_the_mean_speaker_fits_every_duration(logmel):
    model = Memoriser([], logmel)
    counts = torch.tensor([7, 31, 1])
    mean = SpeechPrior.learn(spectrograms(model, PUBLIC)).mean(counts)
    assert mean.shape == (3, 31, 64)
    assert all(not mean[b, n:].any() and mean[b, :n].any() for b, n in enumerate(counts.tolist()))
    # Of one public utterance, at its own length, it is that utterance.
    only = logmel(PUBLIC[:1])[0]
    same = SpeechPrior.learn(spectrograms(model, PUBLIC[:1])).mean(torch.tensor([only.shape[1]]))
    torch.testing.assert_close(same, only)


def test_no_candidates_no_findings(logmel):
    model = Memoriser([], logmel)
    assert FREE.score(view_of("weights", model, model, PUBLIC), [], RNG).candidates == ()
