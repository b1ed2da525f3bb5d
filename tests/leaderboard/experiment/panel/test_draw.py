"""The panel: every model's picture with its figures, and every sound beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.panel.cells import panel_shows, sound_file
from leaderboard.experiment.panel.draw import draw_panel
from leaderboard.experiment.start import PublicStart
from leaderboard.experiment.train import run_cell
from leaderboard.game.game import Game
from leaderboard.site.entries import sound_label
from leaderboard.spec.load import load_suite
from targets.core.randomness import Randomness
from tests.fakes import put_in_place_of_speech, speech

CELLS = {c.label: c for c in load_suite("tiny").cells()}


def small_game(conditions, target, seed, data):  # noqa: ARG001
    private = speech(20, "private")
    return Game.set_up(speech(4, "public"), private, speech(4, "test"), Randomness(seed))


def test_the_panel_and_its_sounds(tmp_path, monkeypatch):
    put_in_place_of_speech(monkeypatch, small_game)
    shown = []
    for label in ("none", "dpsgd"):
        conditions = CELLS[label].conditions
        few = conditions.model_copy(
            update={"attacks": tuple(a for a in conditions.attacks if a.name == "membership")}
        )
        shown.append(CELLS[label].model_copy(update={"conditions": few}))
    experiment = Experiment(few, "ctc", 0, tmp_path, Path())
    PublicStart(experiment).compute()
    for cell in shown:
        run_cell(cell, experiment, report=lambda _: None)
    heard = []
    draw_panel(shown, "a key", experiment, report=heard.append)
    assert heard[-1] == 1
    assert panel_shows(tmp_path, "a key")
    with Image.open(tmp_path / "spectrograms.png") as picture:
        assert picture.width > 2 * picture.height  # four pictures in a row
    files = [sound_file(tmp_path, cell) for cell in (None, *shown)]
    assert {f.name for f in (tmp_path / "sounds").iterdir()} == {f.name for f in files}
    original, *rebuilt = [soundfile.read(f) for f in files]
    assert original[1] == 16_000
    for samples, rate in rebuilt:
        assert rate == 16_000
        assert abs(len(samples) - len(original[0])) <= 160
        assert np.abs(samples).max() > 0


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (None, "the original"),
        ("none", "rebuilt from the model without DP"),
        ("dpsgd", "rebuilt from the model at ε = 10"),
    ],
)
def test_sounds_are_named_as_the_page_reads_them(label, said, tmp_path):
    assert sound_label(sound_file(tmp_path, label and CELLS[label])) == said
