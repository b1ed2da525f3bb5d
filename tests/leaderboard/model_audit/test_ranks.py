from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attacks.statistics.audit import audited_epsilon
from attacks.statistics.evidence import Trials
from leaderboard.model_audit.ranks import CANARIES, audited, rankings
from leaderboard.planting.planted import Candidate, Planted
from leaderboard.records.model_audit import EVERYONE, UTTERANCES

GIVEN = {"delta": 1e-5, "noise": "any", "level": 0.95}


def game(count=200, unit="utterance", seed=0, **changes):
    """A game of the given number of candidates, ten of each speaker, every tenth a canary."""
    coins = np.random.default_rng(seed).integers(2, size=count).astype(bool)
    candidates = []
    for n in range(count):
        speaker = f"s{n // 10}"
        member = bool(coins[n // 10] if unit == "speaker" else coins[n])
        own = {"unit": speaker if unit == "speaker" else f"u{n}", "speaker": speaker}
        kind = {"kind": "canary", "repetitions": 1 + 3 * (n % 20 == 0)} if n % 10 == 0 else {}
        candidates.append(
            Candidate(
                *(f"u{n}", Path(f"u{n}.flac"), "yes", member),
                attributes={"gender": ("female", "male")[n % 3 == 0]},
                **(own | kind | changes),
            )
        )
    return Planted(Path("p"), "d", unit, tuple(candidates), 1)


def test_the_bound_is_that_of_single_candidates():
    planted = game()
    scores = {c.id: float(c.member) for c in planted.candidates}
    single = [c for c in planted.candidates if c.repetitions == 1]
    assert len(single) == 190
    heads = np.array([c.member for c in single])
    trials = Trials(np.ones(heads.sum()), np.zeros((~heads).sum()), "utterance", "one_run")
    expected = audited_epsilon(trials, delta=1e-5)
    found = audited(planted, planted.candidates, scores, **GIVEN)
    assert (found.low, found.ceiling) == (expected.low, expected.ceiling)


def test_one_share_of_guesses_gets_past_the_fall_of_the_coins():
    # Half of all cannot be called members without an error unless just so many are. A share leaves
    # out the middle, and has the whole level.
    planted = game(1010)
    candidates = [c for c in planted.candidates if c.repetitions == 1]
    assert abs(sum(c.member for c in candidates) - len(candidates) / 2) > 2
    order = {c.id: float(c.member) + 0.001 * n for n, c in enumerate(candidates)}
    given = GIVEN | {"noise": "gaussian"}
    shared = audited(planted, candidates, order, **given)
    fixed = audited(planted, candidates, order, **given, guesses=0.9)
    assert shared.low < fixed.low == fixed.ceiling
    assert "one plan of" in fixed.method


def test_what_was_not_answered_proves_nothing_and_lowers_the_ceiling():
    planted = game()
    perfect = {c.id: float(c.member) for c in planted.candidates}
    partly = {name: s if n % 2 else None for n, (name, s) in enumerate(perfect.items())}
    whole, half = (audited(planted, planted.candidates, s, **GIVEN) for s in (perfect, partly))
    assert half.ceiling < whole.ceiling
    assert half.low <= half.ceiling
    assert half.low < whole.low


def test_answers_on_one_side_mostly_can_tell_nothing():
    planted = game()
    answered = {c.id: 1.0 if c.member or n < 20 else None for n, c in enumerate(planted.candidates)}
    whole = audited(planted, planted.candidates, dict.fromkeys(answered, 1.0), **GIVEN)
    assert whole.scored
    found = audited(planted, planted.candidates, answered, **GIVEN)
    assert not found.scored  # about 100 heads and 10 tails: whoever answers depends on the coin


def test_nothing_answered_is_no_bound():
    planted = game()
    found = audited(
        planted, planted.candidates, dict.fromkeys("u" + str(n) for n in range(200)), **GIVEN
    )
    assert not found.scored


@pytest.mark.parametrize("unit", ["utterance", "speaker"])
def test_scores_without_a_leak_rarely_prove_anything(unit):
    wrong = 0
    for seed in range(60):
        planted = game(100, unit, seed)
        rng = np.random.default_rng(seed + 1000)
        # Failures that depend on the score alone, as a model's may.
        scores = {
            c.id: None if s > 1.5 else float(s)
            for c, s in zip(planted.candidates, rng.normal(size=100), strict=True)
        }
        wrong += audited(planted, planted.candidates, scores, **GIVEN).low > 0
    assert wrong <= 8  # 5 % of 60 is 3; more than 8 is a chance of 0.3 %


def test_groups_are_ranked_apart():
    planted = game()
    # Of canaries everything is known, of the rest nothing.
    scores = {c.id: float(c.member and c.kind == "canary") for c in planted.candidates}
    found = rankings(planted, planted.candidates, scores, planted.rng)
    assert found[CANARIES].auc.value == 1.0
    assert found[UTTERANCES].auc.value == 0.5
    assert 0.5 < found[EVERYONE].auc.value < 1.0
    assert {n for n in found if "," in n} == {
        "utterances, gender female",
        "utterances, gender male",
    }
    assert "clusters" in found[EVERYONE].auc.method


def test_a_cohort_of_few_is_left_out():
    planted = game(60)
    scores = {c.id: 1.0 for c in planted.candidates}
    assert "utterances, gender male" not in rankings(
        planted, planted.candidates, scores, planted.rng
    )


def test_a_speaker_counts_once():
    planted = game(unit="speaker")
    scores = {c.id: float(c.member) for c in planted.candidates}
    found = rankings(planted, planted.candidates, scores, planted.rng)[EVERYONE]
    assert found.members + found.held_out == 20
