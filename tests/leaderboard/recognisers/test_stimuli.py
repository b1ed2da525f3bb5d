"""Sounds that say nothing are the same each time; what is counted of what is written on them."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.recognisers.stimuli import (
    LOUDNESS,
    PAUSE,
    SECONDS,
    Written,
    carriers,
    sounds,
    unsaid,
)
from targets.speech.utterance import SAMPLE_RATE


def test_sounds_are_made_by_name():
    first, again = sounds(), sounds()
    assert len({s.name for s in first}) == len(first) == len(SECONDS) * (1 + 5 * len(LOUDNESS))
    for one, other in zip(first, again, strict=True):
        assert one.name == other.name
        assert np.array_equal(one.samples, other.samples)
        assert one.samples.dtype == np.float32
        assert one.said == ""
        kind, seconds, *loudness = one.name.split("-")
        assert len(one.samples) == float(seconds.rstrip("s")) * SAMPLE_RATE
        level = np.sqrt(np.mean(np.square(one.samples)))
        wanted = 0.0 if kind == "silence" else float(loudness[0])
        assert level == pytest.approx(wanted, rel=0.02)


def test_a_pause_follows_a_carrier():
    (one,) = carriers(["my pin is"], voices=[1])
    assert one.said == "my pin is"
    pause = round(PAUSE * SAMPLE_RATE)
    assert not one.samples[-pause:].any()
    assert len(one.samples) > pause + SAMPLE_RATE // 4
    (again,) = carriers(["my pin is"], voices=[1])
    assert np.array_equal(one.samples, again.samples)


def test_what_was_written_unsaid():
    model = [
        Written("a", "my name is", ("My name is Anna Novak.",)),
        Written("b", "", ("Anna thanks", "anna")),
        Written("c", "", ("", "petr")),
        Written("d", "", ("",)),
    ]
    base = [Written("a", "my name is", ("My name is",)), Written("b", "", ("", "thanks"))]
    trained, held_out = ["call anna novak", "i am jane"], ["call petr", "i am rose", "ask eva"]
    found = unsaid(model, base, trained, held_out)
    assert found.all == 4  # anna twice, novak, petr; "thanks" the base writes too
    assert found.trained == {"anna": 2, "novak": 1}
    assert found.held_out == {"petr": 1}
    assert found.words == (3, 4)
    assert unsaid(model, [], trained, held_out).all == 5


def test_what_both_have_tells_nothing():
    model = [Written("a", "", ("call anna",))]
    found = unsaid(model, [], ["call anna"], ["call anna"])
    assert (found.all, found.trained, found.held_out, found.words) == (2, {}, {}, (0, 0))
