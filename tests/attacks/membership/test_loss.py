"""Membership inference against models whose leak is known."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import torch

from attacks import registry
from attacks.base import References, view_of
from attacks.membership.loss import Loss
from attacks.references import Comparative
from leaderboard.experiment.measure import audit, leakage
from leaderboard.game.game import flip
from targets.core.randomness import Randomness
from targets.nn.layers import Linear
from targets.speech.features import LogMel
from tests.fakes import Constant, Memoriser, speech

PUBLIC = speech(3, "public")
CANDIDATES = speech(240, "private", speakers=60, words=1)
COINS = {
    c.id: bool(heads) for c, heads in zip(CANDIDATES, flip(CANDIDATES, Randomness(5)), strict=True)
}
REFERENCES = 4
MAKE = {entry.name: entry.load() for entry in registry.ATTACKS if entry.family == "membership"}
ATTACKS = {
    name: make(references=REFERENCES) if isinstance(make(), Comparative) else make()
    for name, make in MAKE.items()
}
LUCK = 0.12  # about three standard errors of an AUC of 240: many attacks are tried


class Counting(Constant):
    """A start that counts how often it is asked."""

    times = 0

    def nll(self, utterances):
        self.times += 1
        return super().nll(utterances)


class Planted(Memoriser):
    """A memoriser with something to differentiate: one weight, which scales what it does not know.

    A spectrogram near a stored one costs next to nothing, and moves the weight by as little.
    """

    def __init__(self, stored, logmel):
        super().__init__(stored, logmel)
        self.scale = Linear(1, 1, bias=False)
        by_length = defaultdict(list)
        for u in stored:
            heard = logmel([u])[0][0]
            by_length[len(heard)].append(heard)
        self.stored = {length: torch.stack(alike) for length, alike in by_length.items()}

    def nll_of(self, features, counts, texts):
        strange = torch.stack(
            [self._strangeness(f[:n]) for f, n in zip(features, counts.tolist(), strict=True)]
        )
        lengths = torch.tensor([float(len(t)) for t in texts])
        return 5 * lengths * self.scale(strange[:, None, None]).flatten() / self.scale.weight.item()

    def _strangeness(self, heard):
        alike = self.stored.get(len(heard), heard[None] + 1)
        return (heard - alike).square().mean((1, 2)).min().clamp(max=0.1)


class Indifferent(Constant):
    """A constant recogniser whose one weight nothing moves."""

    def __init__(self, logmel):
        super().__init__(logmel)
        self.scale = Linear(1, 1, bias=False)

    def nll_of(self, features, counts, texts):
        del counts
        nothing = self.scale(0 * features.sum((1, 2))[:, None, None]).flatten()
        return nothing + torch.tensor([float(len(t)) for t in texts])


@pytest.fixture(scope="module")
def logmel():
    made = LogMel()
    made.calibrate(PUBLIC)
    return made


@pytest.fixture(scope="module")
def references(logmel):
    """Return memorisers of the attacker's own random halves."""
    start = Indifferent(logmel)
    views, trained_on = [], []
    for number in range(REFERENCES):
        heads = flip(CANDIDATES, Randomness(6).child(number))
        stored = [c for c, h in zip(CANDIDATES, heads, strict=True) if h]
        views.append(view_of("weights", Planted(stored, logmel), start, PUBLIC))
        trained_on.append(frozenset(c.id for c in stored))
    return References(views, trained_on, Randomness(0))


def caught(attack, target, start, references=None):
    view = view_of("weights", target, start, PUBLIC, references)
    found = attack.score(view, CANDIDATES, Randomness(0))
    return found, leakage(found, COINS, Randomness(1))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_memoriser_is_caught(name, logmel, references):
    members = [c for c in CANDIDATES if COINS[c.id]]
    target = Planted(members, logmel)
    found, figures = caught(ATTACKS[name], target, Indifferent(logmel), references)
    assert figures["auc"].value > 0.99
    assert figures["auc"].low > 0.9
    assert figures["balanced_accuracy"].value > 0.9  # half of them, but not half are members
    assert figures["tpr_at_1pct_fpr"].value > 0.95
    assert not figures["tpr_at_0.1pct_fpr"].scored  # it takes a thousand held out
    proven = audit({"membership": found}, COINS, 1e-5, "any")
    assert 2.0 < proven.low <= proven.ceiling


@pytest.mark.parametrize("name", ATTACKS)
def test_a_constant_model_gives_nothing_away(name, logmel, references):
    constant = Indifferent(logmel)
    found, figures = caught(ATTACKS[name], constant, constant, references)
    assert figures["auc"].value == pytest.approx(0.5, abs=LUCK)
    assert figures["tpr_at_1pct_fpr"].low < 0.03
    assert audit({"membership": found}, COINS, 1e-3, "gaussian").low == 0.0


@pytest.mark.parametrize("name", [n for n in ATTACKS if not isinstance(ATTACKS[n], Comparative)])
def test_without_references_a_constant_model_ties_everybody(name, logmel):
    constant = Indifferent(logmel)
    found, figures = caught(ATTACKS[name], constant, constant)
    assert np.ptp(found.scores) == 0.0
    assert figures["auc"].value == 0.5


@pytest.mark.parametrize("name", ATTACKS)
def test_what_was_stored_from_elsewhere_gives_nothing_away(name, logmel, references):
    target = Planted(speech(40, "elsewhere"), logmel)
    _, figures = caught(ATTACKS[name], target, Indifferent(logmel), references)
    assert figures["auc"].value == pytest.approx(0.5, abs=LUCK)


def test_calibration_forgives_what_is_hard_for_everybody(logmel):
    """The same prejudices in target and start: calibrated scores see only the difference."""
    members = [c for c in CANDIDATES if COINS[c.id]]
    target, start = Memoriser(members, logmel), Memoriser([], logmel)
    calibrated, _ = caught(Loss(calibrated=True), target, start)
    held_out = np.array([not COINS[c.id] for c in calibrated.candidates])
    np.testing.assert_allclose(calibrated.scores[held_out], 0.0, atol=1e-6)
    assert (calibrated.scores[~held_out] >= 5.0).all()


def test_the_losses_of_a_start_are_computed_once_for_the_same_candidates(logmel):
    start, kept = Counting(), {}
    model = Memoriser(CANDIDATES[:20], logmel)

    def scores(candidates):
        view = view_of("scores", model, start, PUBLIC, start_losses=kept)
        return Loss(calibrated=True).score(view, candidates, Randomness(0)).scores

    first = scores(CANDIDATES)
    assert np.array_equal(scores(CANDIDATES), first)
    assert start.times == 1
    assert np.array_equal(scores(CANDIDATES[:7]), first[:7])
    assert start.times == 2  # others are another batch
    with pytest.raises(ValueError, match="read-only"):
        kept[tuple(c.id for c in CANDIDATES)][0] = 0.0


def test_higher_is_member_and_longer_is_not():
    class Halves(Constant):
        def nll(self, utterances):
            return super().nll(utterances) * 2

    logmel = LogMel()
    found, _ = caught(Loss(), Halves(logmel), Constant(logmel))
    assert (found.scores == -2.0).all()
