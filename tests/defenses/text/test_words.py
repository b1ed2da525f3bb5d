"""Noise on words: its price for a whole utterance, and what it promises for less."""

from __future__ import annotations

import pytest
import torch
from dp_accounting import GaussianDpEvent, LaplaceDpEvent

from defenses.accounting.price import price
from defenses.text.mechanism import NoisyLatents, norms
from defenses.text.word_space import WordSpace
from defenses.text.words import WordNoise, weaker_promises
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech, without_text

PUBLIC = [*speech(9, "public", words=3), *without_text(speech(2, "audio"))]
MEMBERS = speech(5, "private")
RNG = Randomness(8)
DELTA = 1e-2


@pytest.mark.parametrize(
    ("noise", "kind"), [("laplace", LaplaceDpEvent), ("gaussian", GaussianDpEvent)]
)
def test_the_event_is_for_a_whole_utterance(noise, kind):
    recipe = recipe_for("ctc", PUBLIC, delta=DELTA)
    trained = WordNoise(4.0, noise, entries=2).train(recipe, MEMBERS, PUBLIC, RNG)
    assert trained.event == kind(trained.notes["noise_multiplier"])
    assert price(trained.event, DELTA).epsilon <= 4.0
    assert trained.notes["epsilon_of_the_nearest"] < trained.notes["epsilon_of_a_word"] < 4.0


@pytest.mark.parametrize("noise", ["laplace", "gaussian"])
def test_less_is_promised_of_a_word_as_far_as_words_are_apart(noise):
    """The ε of one word is that of the farthest two at one spot, or a little more."""
    space = WordSpace([u.text for u in PUBLIC if u.text], noise, entries=3)
    mechanism = NoisyLatents(noise, 4).calibrated(4.0, DELTA)
    found = weaker_promises(space, mechanism, DELTA)
    places = space.places
    apart = norms(places[:, None] - places[None], noise)[..., 0]
    exact = price(mechanism.event_of_distance(float(apart.max())), DELTA).epsilon
    assert exact <= found["epsilon_of_a_word"] + 1e-6
    assert torch.isfinite(torch.tensor(list(found.values()))).all()
    if noise == "laplace":  # pure ε adds up over the spots of the longest text
        assert found["epsilon_of_a_word"] == pytest.approx(4.0 / space.longest, rel=0.15)


def test_a_text_of_one_word_has_no_nearest():
    space = WordSpace(["stop"], "gaussian", entries=2)
    assert "epsilon_of_the_nearest" not in weaker_promises(
        space, NoisyLatents("gaussian", 1), DELTA
    )


def test_options_out_of_range_are_refused_in_words():
    with pytest.raises(OverheardError, match="entries is 0; give at least 1"):
        WordNoise(4.0, entries=0).train(recipe_for("ctc", PUBLIC), MEMBERS, PUBLIC, RNG)


def test_without_public_transcripts_it_says_what_it_needs():
    with pytest.raises(OverheardError, match="word-noise needs transcribed public speech"):
        WordNoise(4.0).train(recipe_for("ctc", PUBLIC), MEMBERS, without_text(PUBLIC), RNG)
