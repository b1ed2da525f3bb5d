"""The update of one device: speech comes back, noise hides it, and the start stays as it was."""

from __future__ import annotations

import copy

import pytest
import torch

from attacks.inversion.metrics import cosines
from attacks.inversion.prior import SpeechPrior, spectrograms
from leaderboard.experiment.panel.update import rebuilt, seconds_held
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech, utterance

PUBLIC = speech(4, "public")


def test_steps_hide_nothing_and_noise_hides_all():
    start = recipe_for("ctc", PUBLIC, size=40).build()
    before = copy.deepcopy(start.state_dict())
    said = utterance("a", "milk")
    prior = SpeechPrior.learn(spectrograms(start, PUBLIC))
    truth, counts = start.logmel([said])
    found = rebuilt(start, said, prior, Randomness(0))
    assert list(found) == [None, 10.0, 1.0]
    assert cosines(found[None], truth, counts)[0] > 0.95
    for epsilon in (10.0, 1.0):
        assert torch.equal(found[epsilon], prior.mean(counts))
    for name, weight in start.state_dict().items():
        assert torch.equal(weight, before[name]), name


def test_how_long_an_utterance_may_be():
    start = recipe_for("ctc", PUBLIC, size=8).build()
    assert seconds_held(start) == pytest.approx(0.16)  # 8 windows, one every 20 ms
