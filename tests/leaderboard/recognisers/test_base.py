"""What every door refuses before it asks its recogniser."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.recognisers.base import UnheardError, checked


def test_audio_is_taken_as_it_is():
    audio = checked(np.ones(4), 16_000, "mine")
    assert audio.dtype == np.float32
    assert audio.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (np.zeros(0), 16_000, "mine: the audio has zero length"),
        (np.zeros((2, 3)), 16_000, r"shape \(2, 3\)"),
        (np.array([0.0, np.nan]), 16_000, "NaN or infinite"),
        (np.array([0.0, np.inf]), 16_000, "NaN or infinite"),
        (np.zeros(3), 0, "0 samples a second"),
    ],
)
def test_audio_that_cannot_be_used(audio, rate, message):
    with pytest.raises(UnheardError, match=message):
        checked(audio, rate, "mine")
