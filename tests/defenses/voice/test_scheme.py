"""Training on anonymised voices: what is heard, and that nothing is promised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from dp_accounting import NonPrivateDpEvent

from defenses.public import nonprivate
from defenses.voice.scheme import ReplacedVoice, ShiftedVoice
from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE
from tests.fakes import recipe_for, speech

PUBLIC = speech(4, "public")
MEMBERS = speech(4, "private")
RNG = Randomness(1)


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC)


def test_every_member_is_heard_in_a_voice_of_its_own(recipe, monkeypatch):
    heard = []
    real = nonprivate.fit
    monkeypatch.setattr(
        nonprivate, "fit", lambda r, said, *a: heard.extend(said) or real(r, said, *a)
    )
    twice = [*MEMBERS, MEMBERS[0]]
    trained = ShiftedVoice().train(recipe, twice, PUBLIC, RNG)
    assert trained.event == NonPrivateDpEvent()
    assert [u.text for u in heard] == [u.text for u in twice]
    assert all(h.size == u.size for h, u in zip(heard, twice, strict=True))
    assert not any(np.array_equal(h.samples, u.samples) for h, u in zip(heard, twice, strict=True))
    assert not np.array_equal(heard[0].samples, heard[-1].samples)


def test_a_replaced_voice_has_the_text_and_nothing_of_the_sound(recipe):
    noise = RNG.child("sound").numpy().normal(size=SAMPLE_RATE).astype(np.float32)
    elsewhere = [replace(u, samples=noise, speaker="x", words=()) for u in MEMBERS]
    others = [replace(u, text="milk tea") for u in MEMBERS]
    one, same, other = (
        ReplacedVoice().train(recipe, members, PUBLIC, RNG)
        for members in (MEMBERS, elsewhere, others)
    )
    assert one.event == NonPrivateDpEvent()
    assert all(torch.equal(w, same.weights[n]) for n, w in one.weights.items())
    assert not all(torch.equal(w, other.weights[n]) for n, w in one.weights.items())
