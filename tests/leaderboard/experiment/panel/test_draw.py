"""The panel: every model's picture with its figures, and every sound beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.panel.cells import (
    control_sound_file,
    panel_shows,
    sound_file,
    update_sound_file,
)
from leaderboard.experiment.panel.draw import FROM_MODEL, FROM_UPDATE, draw_panel
from leaderboard.experiment.panel.picture import drawn as drawn_picture
from leaderboard.experiment.stages.start import PublicStart
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


def panel(labels, channels, out):
    """Train cells with so many channels and draw them; return the cells and what was reported."""
    shown = []
    for label in labels:
        conditions = CELLS[label].conditions
        attacks = tuple(a for a in conditions.attacks if a.name == "membership")
        training = conditions.training.model_copy(update={"channels": channels})
        few = conditions.model_copy(update={"attacks": attacks, "training": training})
        shown.append(CELLS[label].model_copy(update={"conditions": few}))
    experiment = Experiment(few, "ctc", 0, out, Path())
    PublicStart(experiment).compute()
    for cell in shown:
        run_cell(cell, experiment, report=lambda _: None)
    heard = []
    draw_panel(shown, "a key", experiment, report=heard.append)
    return shown, heard


@pytest.mark.slow
def test_the_panel_and_its_sounds(tmp_path, monkeypatch):
    put_in_place_of_speech(monkeypatch, small_game)
    shown, heard = panel(("none", "dpsgd"), 8, tmp_path)  # of 8 channels no update gives much back
    assert heard[-1] == 1
    assert panel_shows(tmp_path, "a key")
    with Image.open(tmp_path / "spectrograms.png") as picture:
        assert picture.width > 2 * picture.height  # four pictures in a row
    files = [sound_file(tmp_path, cell) for cell in (None, *shown)]
    assert {f.name for f in (tmp_path / "sounds").iterdir()} == {f.name for f in files}
    assert_audible(files)


def test_a_row_shows_what_the_update_of_one_device_gives_away(tmp_path, monkeypatch):
    rows = {}

    def kept(title, drawn, features, speakers):
        rows.update({row.title: row.spectrograms for row in drawn})
        return drawn_picture(title, drawn, features, speakers)

    put_in_place_of_speech(monkeypatch, small_game)
    monkeypatch.setattr("leaderboard.experiment.panel.draw.drawn", kept)
    (cell,), _ = panel(("none",), 40, tmp_path)
    update = {shown.title: shown for shown in rows[FROM_UPDATE]}
    assert rows[FROM_MODEL][0] is rows[FROM_UPDATE][0]  # both are of one utterance
    original, mean, *_, twin = rows[FROM_UPDATE]
    cosine = {title: float(s.figures["cosine"][0]) for title, s in list(update.items())[1:]}
    assert cosine["no DP"] > 0.95
    assert cosine[twin.title] < 0.9
    assert torch.equal(update["ε = 1"].frames, mean.frames)
    assert not torch.equal(twin.frames, original.frames)
    files = [
        *(sound_file(tmp_path, c) for c in (None, cell)),
        *(update_sound_file(tmp_path, epsilon) for epsilon in (None, 10.0, 1.0)),
        *(control_sound_file(tmp_path, name) for name in ("mean-speaker", "twin")),
    ]
    assert {f.name for f in (tmp_path / "sounds").iterdir()} == {f.name for f in files}
    assert_audible(files)


def assert_audible(files):
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


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (update_sound_file(Path(), None), "rebuilt from an update without DP"),
        (update_sound_file(Path(), 10.0), "rebuilt from an update at ε = 10"),
        (control_sound_file(Path(), "twin"), "another recording of the speaker, stretched"),
        (control_sound_file(Path(), "mean-speaker"), "mean speaker"),
    ],
)
def test_sounds_of_an_update_are_named_as_the_page_reads_them(file, said):
    assert sound_label(file) == said
