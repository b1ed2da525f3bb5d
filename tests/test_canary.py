"""Canary extraction: the secret is gone from the audio, and only memory brings it back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.base import LossScores
from attacks.canary import LOUDNESS, SECONDS_A_WORD, Extraction, mask_secret
from targets.features import LogMel
from targets.phrases import CANARIES
from targets.randomness import Randomness
from targets.speech import SAMPLE_RATE
from tests.fakes import SECONDS_A_LETTER, Constant, Memoriser, canary, speech

PUBLIC = speech(3, "public")
RNG = Randomness(0)


@pytest.fixture(scope="module")
def logmel():
    made = LogMel()
    made.calibrate(PUBLIC)
    return made


def masked(secret, template="pin3", number=0):
    spoken = canary(number, secret, template)
    return spoken, mask_secret(spoken, CANARIES[template], secret, RNG)


@pytest.mark.parametrize("template", CANARIES)
@given(data=st.data())
@settings(max_examples=10)
def test_how_long_the_secret_took_does_not_show(template, data):
    space = CANARIES[template].space_size
    one, other = (data.draw(st.integers(0, space - 1)) for _ in range(2))
    lengths = set()
    for secret in (one, other, 0, space - 1):
        spoken, hidden = masked(secret, template)
        positions = CANARIES[template].secret_positions(secret)
        first, last = spoken.words[positions[0]], spoken.words[positions[-1]]
        kept = int(first.start * SAMPLE_RATE) + len(spoken.samples) - int(last.end * SAMPLE_RATE)
        lengths.add(len(hidden.samples) - kept)
    assert lengths == {int(SECONDS_A_WORD * CANARIES[template].longest_secret * SAMPLE_RATE)}


def test_only_the_carrier_is_left():
    spoken, hidden = masked(837)
    start = int(len("my pin code is ") * SECONDS_A_LETTER * SAMPLE_RATE)
    tail = 800
    length = len(hidden.samples) - start - tail
    np.testing.assert_array_equal(hidden.samples[:start], spoken.samples[:start])
    np.testing.assert_array_equal(hidden.samples[-tail:], spoken.samples[-tail:])
    noise, secret = hidden.samples[start:-tail], spoken.samples[start:-tail]
    # Nowhere a trace of the secret: no correlation at any lag.
    lags = np.correlate(secret, noise, "full") / np.linalg.norm(secret) / np.linalg.norm(noise)
    assert np.abs(lags).max() < 0.1
    kept = np.concatenate([hidden.samples[:start], hidden.samples[-tail:]])
    assert noise.std() == pytest.approx(LOUDNESS * np.sqrt(np.mean(kept**2)), rel=0.05)
    assert length == pytest.approx(3 * SECONDS_A_WORD * SAMPLE_RATE)
    assert hidden.words == ()


def test_the_noise_is_the_canarys_own_whatever_its_secret():
    def noise(secret):
        _, hidden = masked(secret)
        samples = hidden.samples[int(15 * SECONDS_A_LETTER * SAMPLE_RATE) : -800]
        return samples / samples.std()

    np.testing.assert_allclose(noise(111), noise(999), rtol=1e-4, atol=1e-5)


def test_a_planted_secret_is_fully_exposed(logmel):
    secrets = [17, 512, 903, 4, 666, 250, 42, 801]
    canaries = [canary(n, secret) for n, secret in enumerate(secrets)]
    target = Memoriser(canaries[:4], logmel)
    found = Extraction().score(
        LossScores(target, Constant(logmel), PUBLIC), [*PUBLIC, *canaries], RNG
    )
    assert [c.id for c in found.candidates] == [c.id for c in canaries]
    bits, words = found.figures["exposure"], found.figures["words_recovered"]
    # Four are stored, all with a loss of zero: the best rank that each can have is the fourth.
    assert bits[:4] == pytest.approx([math.log2(1000 / 4)] * 4)
    assert (bits[4:] < math.log2(1000 / 5)).all()
    assert (words[4:] < 1).all()
    alone = Extraction().score(
        LossScores(Memoriser(canaries[:1], logmel), Constant(logmel), PUBLIC), canaries[:1], RNG
    )
    assert alone.figures["exposure"].tolist() == [math.log2(1000)]
    assert alone.figures["words_recovered"].tolist() == [1.0]
    assert alone.ceilings["exposure"] == math.log2(1000)


def test_a_constant_model_exposes_nothing(logmel):
    model = Constant(logmel)
    found = Extraction().score(LossScores(model, model, PUBLIC), [canary(0, 5)], RNG)
    assert found.scores.tolist() == [0.0]


def test_a_model_that_never_heard_the_canaries_ranks_them_at_random(logmel):
    canaries = [canary(n, (37 * n + 11) % 1000) for n in range(60)]
    found = Extraction().score(
        LossScores(Memoriser([], logmel), Constant(logmel), PUBLIC), canaries, RNG
    )
    # The mean over ranks 1 to |R| is 1.44 bits, their deviation as well.
    assert found.scores.mean() == pytest.approx(1.44, abs=4 * 1.44 / math.sqrt(60))


def test_secrets_of_unequal_length_are_compared(logmel):
    canaries = [canary(0, 0, "birthday"), canary(1, 30, "birthday")]
    target = Memoriser(canaries[:1], logmel)
    found = Extraction().score(LossScores(target, Constant(logmel), PUBLIC), canaries, RNG)
    assert found.figures["words_recovered"][0] == 1.0
    assert 0 <= found.figures["words_recovered"][1] < 1.0


def test_no_canaries_no_findings(logmel):
    model = Constant(logmel)
    found = Extraction().score(LossScores(model, model, PUBLIC), PUBLIC, RNG)
    assert found.candidates == ()
    assert found.scores.shape == (0,)
