from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from leaderboard.game.build import build_game
from leaderboard.model_audit.observed import observed
from leaderboard.model_audit.rules.blind import blind_baseline, blind_scores
from leaderboard.planting.planted import Candidate, Planted
from leaderboard.spec.load import load_suite
from leaderboard.spec.speech import Speech
from targets.core.randomness import Randomness
from targets.speech.utterance import SAMPLE_RATE
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


def dealt(suite: str, folder: Path, seed: int, **less: int) -> Planted:
    """Return the game of a suite, with `less` private speech, as a planted one."""
    conditions = load_suite(suite).conditions
    speech = conditions.speech
    private = speech.private.model_copy(update=less)
    few = Speech(source="embedded", speakers=2, utterances=2)
    speech = speech.model_copy(
        update={"private": private, "public": few, "test": few, "untranscribed": None}
    )
    none = conditions.canaries.model_copy(update={"count": 0})
    conditions = conditions.model_copy(update={"speech": speech, "canaries": none})
    game = build_game(conditions, "ctc", seed, folder)
    folder.mkdir()
    candidates = []
    for number, (c, heads) in enumerate(zip(game.candidates, game.coins, strict=True)):
        audio = folder / f"{number}.flac"
        soundfile.write(audio, c.samples, SAMPLE_RATE)
        candidates.append(Candidate(c.id, audio, c.text, bool(heads), c.id, c.speaker))
    return Planted(folder, suite, "utterance", tuple(candidates), seed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suite", "less"), [("tiny", {}), ("quick", {"speakers": 12, "utterances": 240})]
)
def test_the_coins_of_built_in_suites_leave_it_at_chance(suite, less, tmp_path):
    planted = dealt(suite, tmp_path / "dealt", 0, **less)
    blind = blind_baseline(planted, planted.candidates, {}, RNG)
    assert blind is not None
    assert blind.auc.low < 0.5 < blind.auc.high
    if suite == "tiny":
        return  # too small to see anything else
    # Coins that fall by length are seen at once.
    seconds = [c.audio.stat().st_size for c in planted.candidates]
    longer = tuple(
        replace(c, member=size > np.median(seconds))
        for c, size in zip(planted.candidates, seconds, strict=True)
    )
    unfair = blind_baseline(planted, longer, {}, RNG)
    assert unfair is not None
    assert unfair.auc.low > 0.9
