"""The public start with pre-training: it is the plain one but for where its encoder began."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.stages.start import PublicStart
from leaderboard.game.game import Game
from leaderboard.spec.load import load_suite
from leaderboard.spec.pretraining import Pretraining
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import put_in_place_of_speech, speech, without_text

CONDITIONS = load_suite("tiny").conditions
GUIDED = Pretraining(method="guided-cpc", epochs=1, learning_rate=1e-2)


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return a function that gives the start of a suite of tones."""
    said, audio = speech(4, "public", words=6), without_text(speech(6, "audio", words=8))

    def made(pretraining, *, more=True):
        public = [*said, *(audio if more else [])]
        game = Game.set_up(public, speech(4, "private"), speech(2, "test"), Randomness(0))
        put_in_place_of_speech(monkeypatch, lambda *_: game)
        training = CONDITIONS.training.model_copy(update={"pretraining": pretraining})
        conditions = CONDITIONS.model_copy(update={"training": training})
        return PublicStart(Experiment(conditions, "ctc", 0, tmp_path, Path()))

    return made


def test_a_pretrained_start_is_kept_beside_the_plain_one(start):
    plain, guided = start(None), start(GUIDED)
    plain.compute()
    guided.compute()
    one, other = load_file(plain.file), load_file(guided.file)
    assert plain.file != guided.file
    assert one.keys() == other.keys()
    assert torch.equal(one["logmel.mean"], other["logmel.mean"])
    encoder = "network.encoder.lstm.input.weight"
    assert not torch.equal(one[encoder], other[encoder])
    guided.compute()
    assert all(torch.equal(w, other[name]) for name, w in load_file(guided.file).items())


def test_without_untranscribed_speech_there_is_nothing_to_hear(start):
    with pytest.raises(OverheardError, match=r"pretraining: no public speech is untranscribed"):
        start(GUIDED, more=False).compute()
