"""Private speech that is made beside the public start, and what the start needs instead of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors import safe_open

from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.plan import plan
from leaderboard.experiment.private_speech import PrivateSpeech
from leaderboard.experiment.start import PublicStart
from leaderboard.game.build import build_game
from leaderboard.spec.load import load_suite
from leaderboard.spec.speech import Speech
from targets.speech.utterance import Corpus

TINY = load_suite("tiny")
CELL = TINY.cells()[0]
TRAINING = TINY.training.model_copy(update={"public_epochs": 1})
SHORT = TINY.model_copy(update={"training": TRAINING}).cells()[0]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("OVERHEARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def experiment_of(cell, out):
    return Experiment.of(cell, out, Path("nowhere"))


def test_neither_waits_for_the_other_and_all_else_for_both(tmp_path):
    jobs = {job.id: job for job in plan(TINY, tmp_path, tmp_path)}
    first = ("start-ctc", "speech-private")
    assert [jobs[name].needs for name in first] == [(), ()]
    assert all(set(first) <= set(jobs[cell.id].needs) for cell in TINY.cells())
    (votes,) = (job for name, job in jobs.items() if name.startswith("teacher-votes"))
    assert votes.needs == first


def test_of_real_speech_there_is_nothing_to_make(tmp_path):
    (tmp_path / "an4").mkdir()
    splits = TINY.speech.model_copy(update={"private": Speech(source="an4")})
    suite = TINY.model_copy(update={"speech": splits})
    assert "speech-private" not in {job.id for job in plan(suite, tmp_path, tmp_path)}


def test_it_makes_the_candidates_and_nothing_else(tmp_path, cache):
    made = PrivateSpeech(experiment_of(CELL, tmp_path / "run"))
    made.compute()
    assert len(list(cache.glob("speech-*"))) == 1
    game = build_game(CELL.conditions, "ctc", 0, Path("nowhere"))
    said = game.candidates[: TINY.speech.private.utterances]
    assert json.loads(made.file.read_text()) == {
        "utterances": len(said),
        "digest": Corpus("private", said).digest,
    }


def test_a_start_is_that_of_the_game_and_makes_no_private_speech(tmp_path, cache):
    start = PublicStart(experiment_of(SHORT, tmp_path / "run"))
    start.compute()
    assert len(list(cache.glob("speech-*"))) == 1  # TINY has no further public speech
    with safe_open(start.file, "pt") as kept:
        assert kept.metadata()["public"]
    # Refused, had it been trained on other speech than the game's.
    recipe = experiment_of(SHORT, tmp_path / "run").recipe
    assert recipe.start
    assert 0 < recipe.delta < 1
    assert recipe.expected_members > 0
