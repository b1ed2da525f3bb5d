"""Utterances: samples here or elsewhere, and what a privacy unit groups them by."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from targets.core.errors import OverheardError
from targets.speech.utterance import SAMPLE_RATE, UNIT_KEYS, Corpus, Unit, Utterance, unit_key
from targets.synthetic.overlapped import overlapped
from tests.fakes import utterance


def test_every_unit_has_an_entry():
    assert set(UNIT_KEYS) == set(get_args(Unit))


@pytest.mark.parametrize(("unit", "groups"), [("utterance", 3), ("speaker", 2)])
def test_utterances_of_one_unit_share_a_name(unit, groups):
    said = [utterance(f"u{n}", "on", speaker) for n, speaker in enumerate("aba")]
    assert len({unit_key(u, unit) for u in said}) == groups
    assert unit_key(said[0], "speaker") == unit_key(said[2], "speaker") == "a"
    assert unit_key(said[0], "utterance") == "u0"


def test_an_unknown_unit_is_no_silent_default():
    with pytest.raises(KeyError, match="family"):
        unit_key(utterance("u", "on"), "family")


def test_who_is_heard_with_another_is_no_unit_of_speakers():
    mixture = overlapped(utterance("u", "on", "a"), utterance("v", "off", "b"), 0.5)
    for said in (mixture, mixture.without_words()):
        assert unit_key(said, "utterance") == "u+v"
        with pytest.raises(OverheardError, match=r"u\+v holds several talkers, a b: .*utterance"):
            unit_key(said, "speaker")


class Elsewhere:
    size = 3

    def __init__(self):
        self.times = 0

    def read(self):
        self.times += 1
        return np.arange(3, dtype=np.float32)


def test_samples_that_lie_elsewhere_are_read_when_they_are_asked_for():
    sound = Elsewhere()
    u = Utterance("u", "s", sound, "yes")
    assert (u.size, u.duration, sound.times) == (3, 3 / SAMPLE_RATE, 0)
    bare = u.without_words()
    assert (bare.text, bare.size, sound.times) == ("", 3, 0)
    for one in (u, bare):
        assert one.samples.tolist() == [0, 1, 2]
        assert not one.samples.flags.writeable
    assert sound.times == 4
    held = Utterance("u", "s", np.arange(3, dtype=np.float32), "yes")
    assert Corpus("c", (u,)).digest == Corpus("c", (held,)).digest


def test_samples_have_no_default():
    with pytest.raises(TypeError, match="samples"):
        Utterance("u", "s", text="yes")
