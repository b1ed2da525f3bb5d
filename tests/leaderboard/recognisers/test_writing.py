"""What only writes: its rate, its failures, and what it does not give."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.recognisers.base import CannotError, UnheardError
from leaderboard.recognisers.checks import check_recogniser
from leaderboard.recognisers.writing import WritingRecogniser
from tests.leaderboard.recognisers.making.tiny import audio
from tests.leaderboard.recognisers.test_checks import SPEECH


def write(samples):
    if len(samples) < 100:
        raise RuntimeError("kernel too large\nand more")
    return f" {len(samples)} "


MODEL = WritingRecogniser("nemo:a.nemo", "nemo", 8_000, write)


def test_it_keeps_the_contract():
    assert check_recogniser(MODEL, SPEECH).transcripts == ("5600", "6400")


def test_it_hears_at_its_own_rate():
    assert MODEL.transcribe(audio(1, rate=16_000), 16_000) == "8000"
    assert MODEL.transcribe(audio(1, rate=8_000), 8_000) == "8000"


def test_what_it_raises_is_said_of_the_utterance():
    with pytest.raises(UnheardError, match=r"utterance of 0\.01 s: kernel too large$"):
        MODEL.transcribe(np.zeros(80, np.float32), 8_000)


def test_nothing_else():
    with pytest.raises(CannotError, match="write a class around the model"):
        MODEL.log_likelihood(audio(), 8_000, "a")
    with pytest.raises(CannotError, match="write a class around the model"):
        MODEL.gradient_norm(audio(), 8_000, "a")
