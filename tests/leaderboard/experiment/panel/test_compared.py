"""A guess is judged once, and heard."""

from __future__ import annotations

import numpy as np
import soundfile
import torch

from attacks.inversion.metrics import Likeness
from leaderboard.experiment.panel.compared import Compared, write_sound
from tests.fakes import recipe_for, speech, utterance

PUBLIC = speech(4, "public")


def test_the_mean_speaker_is_judged_once_and_every_guess_is_heard(tmp_path):
    start = recipe_for("ctc", PUBLIC).build()
    said = utterance("a", "milk")
    frames, _ = start.logmel([said])
    mean = torch.zeros_like(frames)
    compared = Compared(said, mean, Likeness(start.logmel, start, None))
    assert [control.title for control in compared.controls] == [
        "original",
        "mean speaker, no model",
    ]
    hidden = compared.guess("ε = 1", mean.clone(), tmp_path / "hidden.wav")
    assert hidden.figures is compared.controls[1].figures
    whole = compared.guess("no DP", frames, tmp_path / "whole.wav")
    assert whole.figures["cosine"][0] > 0.999
    for name in ("hidden", "whole"):
        samples, rate = soundfile.read(tmp_path / f"{name}.wav")
        assert (len(samples), rate) == ((frames.shape[1] - 1) * 160, 16_000)


def test_a_wild_guess_is_not_cut(tmp_path):
    write_sound(tmp_path / "wild.wav", np.array([0.0, 4.0, -2.0], np.float32))
    assert np.allclose(soundfile.read(tmp_path / "wild.wav")[0], [0.0, 1.0, -0.5], atol=1e-3)
