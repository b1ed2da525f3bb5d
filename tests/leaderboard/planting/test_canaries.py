from __future__ import annotations

import numpy as np
import pytest

from leaderboard.planting.canaries import Wanted, spoken
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness


def test_a_mislabelled_canary_says_another_secret_than_its_text():
    rng = Randomness(4)
    clear, wrong = (
        spoken(Wanted(1, ("pin4",), (1,), (form,), 2), rng)[0] for form in ("clear", "mislabelled")
    )
    assert clear.text == wrong.text
    assert clear.voice == wrong.voice
    assert not np.array_equal(clear.samples, wrong.samples)
    assert wrong.covered is None
    assert clear.covered is not None
    assert not np.array_equal(clear.covered, clear.samples)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ((1, ("pinn",), (1,), ("clear",), 1), "--templates pinn: no such template"),
        ((1, ("pin",), (0,), ("clear",), 1), "--repetitions"),
        ((1, ("pin",), (1,), ("clear",), 0), "--voices 0: give 1 to"),
        ((134, ("name",), (1,), ("clear",), 1), "enough for 133"),
    ],
)
def test_what_cannot_be_said_is_refused(wanted, says):
    with pytest.raises(OverheardError, match=says):
        Wanted(*wanted)
