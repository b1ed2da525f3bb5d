"""Canary exposure: the true secret's rank among all, whatever recording the attacker has."""

from __future__ import annotations

import math

import numpy as np
import pytest

from attacks.base import view_of
from attacks.canaries import ranking as canary_ranking
from attacks.canaries.exposure import Exposure
from attacks.canaries.ranking import rank_secrets
from attacks.registry import ATTACKS
from targets.core.randomness import Randomness
from targets.speech.features import LogMel
from targets.synthetic.phrases import CANARIES
from tests.fakes import Constant, Memoriser, canary, speech

pytestmark = pytest.mark.one_version

PUBLIC = speech(3, "public")
RNG = Randomness(0)
NAMES = ("canary", "canary-heard", "canary-voice", "canary-silent")
SECRETS = (17, 512, 903, 4, 666, 250, 42, 801)


@pytest.fixture(scope="module")
def logmel():
    made = LogMel()
    made.calibrate(PUBLIC)
    return made


def attacked(name, target, logmel, canaries):
    return ATTACKS.load(name)().score(
        view_of("scores", target, Constant(logmel), PUBLIC), canaries, RNG
    )


@pytest.mark.parametrize("name", NAMES)
def test_planted_secrets_are_fully_exposed(logmel, name):
    canaries = [canary(n, secret) for n, secret in enumerate(SECRETS)]
    target = Memoriser(canaries[:4], logmel)
    found = attacked(name, target, logmel, [*PUBLIC, *canaries])
    assert [c.id for c in found.candidates] == [c.id for c in canaries]
    assert found.scores[:4].min() > found.scores[4:].max() + 1
    bits, words = found.figures["exposure"], found.figures["words_recovered"]
    # Four are stored, all with a loss of zero: the best rank that each can have is the fourth.
    assert bits[:4] == pytest.approx([math.log2(1000 / 4)] * 4)
    assert (bits[4:] < math.log2(1000 / 5)).all()
    assert (words[4:] < 1).all()
    alone = attacked(name, Memoriser(canaries[:1], logmel), logmel, canaries[:1])
    assert alone.figures["exposure"].tolist() == [math.log2(1000)]
    assert alone.figures["words_recovered"].tolist() == [1.0]
    assert alone.ceilings["exposure"] == math.log2(1000)


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_model_exposes_nothing(logmel, name):
    found = attacked(name, Constant(logmel), logmel, [canary(0, 5), canary(1, 7)])
    assert found.scores.tolist() == [0.0, 0.0]
    assert found.figures["exposure"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_never_heard_the_canaries_ranks_them_at_random(logmel, name):
    canaries = [canary(n, (37 * n + 11) % 1000) for n in range(40)]
    found = attacked(name, Memoriser([], logmel), logmel, canaries)
    # The mean over ranks 1 to |R| is 1.44 bits, their deviation as well.
    assert found.figures["exposure"].mean() == pytest.approx(1.44, abs=4 * 1.44 / math.sqrt(40))


def test_secrets_of_unequal_length_are_compared(logmel):
    canaries = [canary(0, 0, "birthday"), canary(1, 30, "birthday")]
    found = attacked("canary", Memoriser(canaries[:1], logmel), logmel, canaries)
    assert found.figures["words_recovered"][0] == 1.0
    assert 0 <= found.figures["words_recovered"][1] < 1.0


def test_no_canaries_no_findings(logmel):
    found = attacked("canary", Constant(logmel), logmel, PUBLIC)
    assert found.candidates == ()
    assert found.scores.shape == (0,)


def _gains(template, shift):
    """Return gains that are normal draws, one a text, and the planted canary's higher."""
    space = CANARIES[template]
    draws = Randomness(5).numpy().normal(size=space.space_size)

    def gains(who, texts):
        indices = range(space.space_size) if len(texts) == space.space_size else None
        indices = indices or [space.index(t) for t in texts]
        return draws[indices] + [shift * (t == who.text) for t in texts]

    return gains


def test_extrapolated_exposure_agrees_with_the_rank_where_there_is_one(monkeypatch):
    canaries = [canary(n, 97 * n, "pin") for n in range(1, 9)]
    gains = _gains("pin", 1.0)
    exact = rank_secrets(canaries, gains, lambda c: c.id, RNG).figures
    assert 1 < exact["exposure"].mean() < 8
    close = {"rtol": 0.2, "atol": 0.6}
    np.testing.assert_allclose(exact["exposure_extrapolated"], exact["exposure"], **close)
    monkeypatch.setattr(canary_ranking, "MOST", 9_999)
    sampled = rank_secrets(canaries, gains, lambda c: c.id, RNG).figures
    np.testing.assert_allclose(sampled["exposure"], exact["exposure"], **close)
    assert np.isnan(sampled["words_recovered"]).all()


def test_a_space_of_a_million_is_sampled():
    planted = canary(0, 123_456, "pin6")
    asked = []

    def gains(who, texts):
        asked.extend(texts)
        return _gains("pin6", 20.0)(who, texts)

    found = rank_secrets([planted], gains, lambda c: c.id, RNG)
    assert len(asked) <= canary_ranking.SAMPLE + 1
    assert found.figures["exposure"].tolist() == [math.log2(10**6)]
    assert found.figures["exposure_extrapolated"][0] > 20


def test_texts_are_scored_in_parts(logmel, monkeypatch):
    whole = Exposure().score(
        view_of("scores", Memoriser([], logmel), Constant(logmel), PUBLIC), [canary(0, 5)], RNG
    )
    monkeypatch.setattr("attacks.canaries.exposure.AT_ONCE", 7)
    parts = Exposure().score(
        view_of("scores", Memoriser([], logmel), Constant(logmel), PUBLIC), [canary(0, 5)], RNG
    )
    assert whole.scores.tolist() == parts.scores.tolist()
