"""Training on privatised text: nothing private is used but transcripts, through the mechanism."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from dp_accounting import GaussianDpEvent, LaplaceDpEvent, NoOpDpEvent

from defenses.text import scheme
from defenses.text.mechanism import NoisyLatents
from defenses.text.scheme import ADePT, PublicSpoken, privatised
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE
from tests.fakes import recipe_for, speech, without_text

PUBLIC = [*speech(6, "public"), *without_text(speech(2, "audio"))]
MEMBERS = speech(5, "private")
RNG = Randomness(6)
SMALL = {"hidden": 8, "text_epochs": 1, "entries": 4}


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC)


def same(one, other):
    return all(torch.equal(w, other.weights[n]) for n, w in one.weights.items())


def test_the_private_sound_and_who_speaks_change_nothing(recipe):
    noise = RNG.child("sound").numpy().normal(size=SAMPLE_RATE).astype(np.float32)
    elsewhere = [replace(u, samples=noise, speaker="x", words=()) for u in MEMBERS]
    one, other = (ADePT(4.0, **SMALL).train(recipe, m, PUBLIC, RNG) for m in (MEMBERS, elsewhere))
    assert same(one, other)


@pytest.mark.parametrize(
    ("noise", "kind"), [("laplace", LaplaceDpEvent), ("gaussian", GaussianDpEvent)]
)
def test_the_event_is_one_release_by_the_noise_that_is_noted(recipe, noise, kind):
    trained = ADePT(4.0, noise, **SMALL).train(recipe, MEMBERS, PUBLIC, RNG)
    assert trained.event == kind(trained.notes["noise_multiplier"])
    assert trained.unit == "utterance"


class Echo:
    """A codec of one-word texts: which of two they are is the sign of the latent."""

    def encoded(self, texts):
        return torch.tensor([[1.0] if text == "on" else [-1.0] for text in texts]).reshape(-1, 1)

    def decoded(self, latents, rng):  # noqa: ARG002
        return ["on" if value > 0.5 else "off" if value < -0.5 else "" for value in latents[:, 0]]


def test_each_seat_has_a_text_of_one_member_and_empty_seats_of_nobody():
    mechanism = NoisyLatents("gaussian", 7, scale=1e-6)
    members = [replace(u, text=t) for u, t in zip(MEMBERS, ["on"] * 3 + ["off"] * 2, strict=True)]
    assert (
        sorted(privatised(members, Echo(), mechanism, RNG)) == ["", "", "off", "off"] + ["on"] * 3
    )
    fewer = replace(mechanism, seats=2)
    assert len([t for t in privatised(members, Echo(), fewer, RNG) if t]) == 2


def test_transcripts_change_what_is_learnt_where_there_is_little_noise(recipe, monkeypatch):
    monkeypatch.setattr(scheme, "taught_autoencoder", lambda *_, **__: Echo())
    said = [[replace(u, text=text) for u in MEMBERS] for text in ("on", "off")]
    one, other = (ADePT(500.0).train(recipe, members, PUBLIC, RNG) for members in said)
    assert not same(one, other)


def test_the_control_has_as_many_public_texts_and_costs_nothing(recipe, monkeypatch):
    heard = []
    real = scheme.spoken
    monkeypatch.setattr(scheme, "spoken", lambda texts, *a: heard.extend(texts) or real(texts, *a))
    one, other = (PublicSpoken().train(recipe, m, PUBLIC, RNG) for m in (MEMBERS, []))
    assert one.event == NoOpDpEvent()
    assert same(one, other)
    assert len(heard) == 2 * recipe.expected_members
    assert set(heard) <= {u.text for u in PUBLIC if u.text}


@pytest.mark.parametrize("made", [ADePT(4.0), PublicSpoken()])
def test_without_public_transcripts_both_say_what_they_need(recipe, made):
    with pytest.raises(OverheardError, match="needs transcribed public speech to learn its texts"):
        made.train(recipe, MEMBERS, without_text(PUBLIC), RNG)


@pytest.mark.parametrize("name", ["entries", "hidden", "text_epochs"])
def test_options_out_of_range_are_refused_in_words(recipe, name):
    with pytest.raises(OverheardError, match=f"{name} is 0; give at least 1"):
        ADePT(4.0, **{**SMALL, name: 0}).train(recipe, MEMBERS, PUBLIC, RNG)
