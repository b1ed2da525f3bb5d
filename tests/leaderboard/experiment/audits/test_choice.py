"""What audits a cell: one attack and one number of guesses, chosen on references alone."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.base import References, view_of
from attacks.membership.lira import LiRA
from attacks.membership.loss import Loss
from attacks.statistics.audit import audited_epsilon
from attacks.statistics.evidence import Trials
from leaderboard.experiment.audits.choice import (
    SHARES,
    WITHOUT_REFERENCES,
    audit_of,
    best_share,
    trials_on_references,
)
from leaderboard.experiment.measure import EVERY, Chosen, audit
from leaderboard.game.game import Game
from leaderboard.spec.choices import AttackChoice, Audit
from leaderboard.spec.load import load_suite
from targets.core.randomness import Randomness
from tests.fakes import canary, speech

RNG = Randomness(0)
CANDIDATES = [*speech(120, "private"), canary(0, 123, repetitions=3)]
GAME = Game.set_up(speech(4, "public"), CANDIDATES, speech(4, "test"), RNG, "utterance")
TINY = load_suite("tiny").conditions


def references(count, gap):
    """Return references whose losses tell what each was trained on by a gap in deviations."""
    rng = np.random.default_rng(0)
    included = rng.random((count, len(CANDIDATES))) < 0.5
    losses = np.exp(rng.normal(size=included.shape) - gap * included)
    memory = {repr(Loss()): {c.id: -losses[:, n] for n, c in enumerate(CANDIDATES)}}
    trained_on = [
        frozenset(c.id for c, inside in zip(CANDIDATES, row, strict=True) if inside)
        for row in included
    ]
    view = view_of("scores", _Nobody(), _Nobody(), [])
    return References([view] * count, trained_on, RNG, memory)


class _Nobody:
    def requires_grad_(self, _):
        return self


def fixed(name, guesses=None, side="both"):
    chosen = Audit(attack=name, guesses=guesses, side=side)
    attacks = (*TINY.attacks, AttackChoice(name="membership-lira"))
    return TINY.model_copy(update={"audit": chosen, "attacks": attacks})


def chosen(conditions, attack, found=None, game=GAME):
    return audit_of(conditions, attack, found, game, 1e-5, "gaussian", RNG)


def test_without_an_audit_all_share_the_level():
    assert chosen(TINY, None) == EVERY


def test_what_the_suite_says_is_done():
    assert chosen(fixed("membership", 0.3), Loss()) == Chosen(("membership",), 0.3)
    assert chosen(fixed("membership"), Loss()) == Chosen(("membership",), WITHOUT_REFERENCES)


def test_a_suite_may_have_one_side_guessed_alone():
    held_out = chosen(fixed("membership", 0.3, "held-out"), Loss())
    assert held_out == Chosen(("membership",), (0.0, 0.3))
    assert chosen(fixed("membership", 0.3, "members"), Loss()).guesses == (0.3, 0.0)
    lira = LiRA(references=8)
    found = chosen(fixed("membership-lira", side="held-out"), lira, references(8, 12.0))
    assert found.guesses[0] == 0.0
    assert found.guesses[1] in SHARES


def test_each_reference_is_the_target_of_the_others():
    found = references(8, 3.0)
    trials = trials_on_references(LiRA(references=8), found, CANDIDATES, RNG)
    assert len(trials) == 8
    # The canary that is said three times is a group.
    assert {t.size for t in trials} == {120}
    assert all(t.in_scores.mean() > t.out_scores.mean() for t in trials)
    assert trials_on_references(LiRA(references=2), references(2, 3.0), CANDIDATES, RNG) == []


def test_the_stronger_the_attack_the_more_it_guesses():
    name, lira = "membership-lira", LiRA(references=8)
    sure = chosen(fixed(name), lira, references(8, 12.0))
    weak = chosen(fixed(name), lira, references(8, 1.5))
    assert sure.attacks == weak.attacks == (name,)
    assert {sure.guesses, weak.guesses} <= set(SHARES)
    assert sure.guesses > weak.guesses
    assert best_share([], 1e-5, "any") is None


def test_one_attack_and_one_plan_raise_the_ceiling():
    rng = np.random.default_rng(0)
    coins = rng.random(1_200) < 0.5
    scores = rng.normal(size=1_200) + coins
    trials = Trials(scores[coins], scores[~coins], "utterance", "one_run")
    shared = audited_epsilon({"a": trials, "b": trials}, delta=1e-5, noise="gaussian", tried=2)
    alone = audited_epsilon({"a": trials}, delta=1e-5, noise="gaussian", guesses=0.5)
    assert alone.ceiling > 10.0
    assert alone.low > 0
    assert "one plan of 600 guesses, by a" in alone.method
    assert shared.ceiling == pytest.approx(alone.ceiling, abs=3.0)


def test_an_audit_by_an_attack_that_failed_proves_nothing():
    found = audit({}, {}, 1e-5, "any", planned=("membership",), chosen=Chosen(("membership",), 0.5))
    assert not found.scored
