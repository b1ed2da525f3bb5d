"""Membership inference against models whose leak is known."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.base import LossScores
from attacks.membership import Loss
from leaderboard.game import flip
from leaderboard.measure import audit, leakage
from targets.features import LogMel
from targets.randomness import Randomness
from tests.fakes import Constant, Memoriser, speech

PUBLIC = speech(3, "public")
CANDIDATES = speech(240, "private", speakers=60, words=1)
COINS = {
    c.id: bool(heads) for c, heads in zip(CANDIDATES, flip(CANDIDATES, Randomness(5)), strict=True)
}
ATTACKS = [Loss(), Loss(calibrated=True)]


@pytest.fixture(scope="module")
def logmel():
    made = LogMel()
    made.calibrate(PUBLIC)
    return made


def caught(attack, target, start):
    found = attack.score(LossScores(target, start, PUBLIC), CANDIDATES, Randomness(0))
    return found, leakage(found, COINS, Randomness(1))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_memoriser_is_caught(attack, logmel):
    members = [c for c in CANDIDATES if COINS[c.id]]
    found, figures = caught(attack, Memoriser(members, logmel), Constant(logmel))
    assert figures["auc"].value == 1.0
    assert figures["auc"].low > 0.9
    assert figures["balanced_accuracy"].value > 0.9  # half of them, but not half are members
    assert figures["tpr_at_1pct_fpr"].value == 1.0
    proven = audit({"membership": found}, COINS, 1e-5, "any")
    assert 2.0 < proven.low <= proven.ceiling


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_constant_model_gives_nothing_away(attack, logmel):
    found, figures = caught(attack, Constant(logmel), Constant(logmel))
    assert np.ptp(found.scores) == 0.0
    assert figures["auc"].value == 0.5
    assert figures["auc"].low <= 0.5 <= figures["auc"].high
    assert figures["tpr_at_1pct_fpr"].low == 0.0
    assert audit({"membership": found}, COINS, 1e-3, "gaussian").low == 0.0


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_was_stored_from_elsewhere_gives_nothing_away(attack, logmel):
    target = Memoriser(speech(40, "elsewhere"), logmel)
    _, figures = caught(attack, target, Constant(logmel))
    assert figures["auc"].low <= 0.5 <= figures["auc"].high


def test_calibration_forgives_what_is_hard_for_everybody(logmel):
    """The same prejudices in target and start: calibrated scores see only the difference."""
    members = [c for c in CANDIDATES if COINS[c.id]]
    target, start = Memoriser(members, logmel), Memoriser([], logmel)
    calibrated, _ = caught(Loss(calibrated=True), target, start)
    held_out = np.array([not COINS[c.id] for c in calibrated.candidates])
    np.testing.assert_allclose(calibrated.scores[held_out], 0.0, atol=1e-6)
    assert (calibrated.scores[~held_out] >= 5.0).all()


def test_higher_is_member_and_longer_is_not():
    class Halves(Constant):
        def loss(self, utterances):
            return super().loss(utterances) * 2

    logmel = LogMel()
    found, _ = caught(Loss(), Halves(logmel), Constant(logmel))
    assert (found.scores == -2.0).all()
