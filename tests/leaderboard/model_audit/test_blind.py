from __future__ import annotations

import numpy as np
import pytest

from leaderboard.model_audit.blind import blind_baseline, blind_scores
from leaderboard.model_audit.observed import observed
from targets.core.randomness import Randomness
from tests.leaderboard.model_audit.fakes import game
from tests.leaderboard.model_audit.lists import lists

RNG = Randomness(3)


def test_lists_that_differ_in_length_alone_are_told_apart_and_an_attack_on_length_gains_nothing(
    tmp_path,
):
    planted = observed(*lists(tmp_path / "l", longer=1.5), tmp_path / "out")
    said = planted.candidates
    seconds = {c.id: float(c.audio.stat().st_size) for c in said}  # of noise: the length
    perfect = {c.id: float(c.member) for c in said}
    blind = blind_baseline(planted, said, {"length": seconds, "perfect": perfect}, RNG)
    assert blind is not None
    assert blind.auc.low > 0.9
    assert blind.gains["length"].value < 0.1
    assert blind.gains["perfect"].value == pytest.approx(1.0 - blind.auc.value)


def test_equal_lists_are_at_chance_and_an_attack_gains_all(tmp_path):
    planted = observed(*lists(tmp_path / "l"), tmp_path / "out")
    perfect = {c.id: float(c.member) for c in planted.candidates}
    blind = blind_baseline(planted, planted.candidates, {"perfect": perfect}, RNG)
    assert blind is not None
    assert blind.auc.low < 0.5
    assert blind.auc.value < 0.65
    assert 0.3 < blind.gains["perfect"].value <= 0.5  # a baseline below chance is chance


def test_fair_coins_leave_it_at_chance(tmp_path):
    areas = []
    for seed in range(6):
        planted = game(tmp_path / str(seed), canaries=False, seed=seed)
        blind = blind_baseline(planted, planted.candidates, {}, RNG.child(seed))
        assert blind is not None
        areas.append(blind.auc.value)
    # The AUC of 20 and 20 has a standard error of 0.093; the mean of six of 0.038.
    assert abs(np.mean(areas) - 0.5) < 4 * 0.038


def test_a_rule_is_not_learnt_from_one_side_or_one_speaker(tmp_path):
    planted = observed(*lists(tmp_path / "l", speakers=1), tmp_path / "out")
    assert blind_scores(planted.candidates, RNG) is None
    assert blind_baseline(planted, planted.candidates, {}, RNG) is None
    members = [c for c in planted.candidates if c.member]
    assert blind_baseline(planted, members, {}, RNG) is None


def test_what_an_attack_did_not_score_is_left_out_of_its_gain(tmp_path):
    planted = observed(*lists(tmp_path / "l"), tmp_path / "out")
    scores = {c.id: 1.0 if n % 2 else None for n, c in enumerate(planted.candidates)}
    none = dict.fromkeys(scores)
    blind = blind_baseline(planted, planted.candidates, {"half": scores, "none": none}, RNG)
    assert blind is not None
    assert set(blind.gains) == {"half"}
