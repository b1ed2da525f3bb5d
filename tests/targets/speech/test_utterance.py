"""Privacy units: one table says what each of them groups by."""

from __future__ import annotations

from typing import get_args

import pytest

from targets.speech.utterance import UNIT_KEYS, Unit, unit_key
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
