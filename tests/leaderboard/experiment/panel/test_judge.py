"""The judge of the panel: trained before it, and found by it."""

from __future__ import annotations

from pathlib import Path

import torch

from attacks.inversion import judge as judging
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.panel.judge import train_judge
from leaderboard.experiment.plan import plan
from leaderboard.game.game import Game
from leaderboard.spec.load import load_suite
from targets.core.randomness import Randomness
from tests.fakes import put_in_place_of_speech, speech

TINY = load_suite("tiny")
PUBLIC = speech(4, "public")


def small_game(conditions, target, seed, data):  # noqa: ARG001
    return Game.set_up(PUBLIC, speech(6, "private"), speech(2, "test"), Randomness(seed))


def test_who_asks_later_finds_it(tmp_path, monkeypatch):
    monkeypatch.setenv("OVERHEARD_CACHE", str(tmp_path / "cache"))
    put_in_place_of_speech(monkeypatch, small_game)
    monkeypatch.setattr(judging, "PASSES", 8)
    experiment = Experiment.of(TINY.cells()[0], tmp_path / "run", Path("nowhere"))
    marker = tmp_path / "run" / "judge" / "trained"
    heard: list[float] = []
    train_judge(marker, experiment, report=heard.append)
    assert marker.exists()
    assert heard
    monkeypatch.setattr(judging, "fit", None)  # whoever trained again would fail here
    found = judging.independent_recognizer(PUBLIC, tmp_path / "cache")
    fresh = judging._untrained()
    pairs = zip(found.parameters(), fresh.parameters(), strict=True)
    assert any(not torch.equal(one, other) for one, other in pairs)


def test_it_waits_for_private_speech_alone_and_the_panel_waits_for_it(tmp_path):
    jobs = {job.id: job for job in plan(TINY, tmp_path, tmp_path)}
    assert jobs["judge"].needs == ("speech-private",)
    assert "judge" in jobs["spectrograms"].needs
    names = list(jobs)
    assert names.index("speech-private") < names.index("judge")
    assert names.index("judge") < min(names.index(cell.id) for cell in TINY.cells())
