"""Devices in a suite: what a file needs, what dealing out needs, and where they may stand."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from leaderboard.spec.clients import Clients
from leaderboard.spec.load import load_suite
from leaderboard.spec.speech import Speech, Splits

EMBEDDED = {"source": "embedded", "speakers": 2, "utterances": 4}


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"by": "file"}, "needs 'file'"),
        ({"by": "file", "file": "a.json", "count": 3}, "takes no 'count'"),
        ({"by": "file", "file": "a.json", "alpha": 0.5}, "takes no 'count' and no 'alpha'"),
        ({"by": "file", "file": "../a.json"}, "pattern"),
        ({"by": "quantity"}, "needs 'count'"),
        ({"by": "template", "count": 0}, "greater than 0"),
        ({"by": "template", "count": 3, "alpha": 0.0}, "greater than 0"),
        ({"by": "accent", "file": "a.json"}, "takes no 'file'"),
        ({"by": "weather", "count": 3}, "should be 'file'"),
    ],
)
def test_what_means_nothing_is_refused(keys, complaint):
    with pytest.raises(ValidationError, match=complaint):
        Clients(**keys)


def test_only_private_speech_is_on_devices():
    on_devices = Speech(**EMBEDDED, clients=Clients(by="quantity", count=3))
    plain = Speech(**EMBEDDED)
    Splits(public=plain, private=on_devices, test=plain)
    with pytest.raises(ValidationError, match="'clients' is for the private speech only"):
        Splits(public=on_devices, private=plain, test=plain)


def test_without_devices_old_records_keep_their_digests():
    assert "clients" not in load_suite("tiny").speech.private.model_dump(mode="json")
    with_them = Speech(**EMBEDDED, clients=Clients(by="quantity", count=3))
    assert Speech(**with_them.model_dump()) == with_them
