"""Devices: a partition is read as it says, or refused in words; shares are as uneven as asked."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.game.clients import SAID_BY, dealt, on_devices, read_partition
from leaderboard.game.clients import refuse_shared_people as refuse
from leaderboard.spec.clients import Clients
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import speech, utterance

RNG = Randomness(0)
SPOKEN = speech(6, "p", speakers=3)
KNOWN = {u.id for u in SPOKEN}
FILE = Clients(by="file", file="clients.json")


def written(folder: Path, content) -> Path:
    path = folder / "clients.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_devices_take_the_place_of_speakers(tmp_path):
    written(tmp_path, {"phone": ["p-0", "p-1"], "car": ["p-4"]})
    found = on_devices("private", SPOKEN, FILE, tmp_path, RNG)
    assert [(u.id, u.speaker, u.attributes[SAID_BY]) for u in found] == [
        ("p-0", "phone", "p-s0"),
        ("p-1", "phone", "p-s1"),
        ("p-4", "car", "p-s1"),
    ]
    before = {u.id: u for u in SPOKEN}
    assert all((u.samples == before[u.id].samples).all() for u in found)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "clients.json: is no JSON"),
        ("[]", "should be an object of client to list of utterance ids"),
        ("{}", "should be an object of client"),
        ('{"a": ["p-0"], "a": ["p-1"]}', "client 'a' is there twice; join its lists"),
        ({"a": "p-0"}, "client 'a': should have a list of utterance ids"),
        ({"a": [0]}, "client 'a': should have a list of utterance ids"),
        ({"a": []}, "client 'a': has no name that can be shown, or no utterance; rename it or"),
        ({"": ["p-0"]}, "client '': has no name that can be shown"),
        ({" ": ["p-0"]}, "client ' ': has no name that can be shown"),
        ({"a\nb": ["p-0"]}, r"client 'a\\nb': has no name that can be shown"),
        ('{"\\ud800": ["p-0"]}', r"client '.ud800': has no name that can be shown"),
        ({"a": ["p-0", "p-0"]}, "client 'a': utterance 'p-0' is there twice"),
        ({"a": ["p-0"], "b": ["p-0"]}, "client 'b': utterance 'p-0' is there at 'a', too"),
        (
            {"a": ["p-0", "q-0"]},
            "1 of 2 utterances are not in speech.private, as 'q-0' of 'a'; ids look like 'p-0'",
        ),
    ],
)
def test_what_is_wrong_with_a_partition_is_said_in_a_line(tmp_path, content, complaint):
    path = written(tmp_path, content)
    with pytest.raises(OverheardError, match=complaint) as raised:
        read_partition(path, KNOWN, "speech.private")
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_partition_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(OverheardError, match="no such partition; put it there"):
        read_partition(tmp_path / "none.json", KNOWN, "speech.private")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OverheardError, match="cannot be read as text"):
        read_partition(tmp_path / "bytes.json", KNOWN, "speech.private")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)


PARTITIONS = st.dictionaries(st.text(max_size=2), st.lists(st.sampled_from(sorted(KNOWN))))


@settings(max_examples=25, deadline=None)
@given(content=JSON | PARTITIONS)
def test_whatever_the_file_says_it_is_read_or_refused_in_a_line(tmp_path_factory, content):
    path, refusal = written(tmp_path_factory.mktemp("any"), json.dumps(content)), ""
    try:
        held = read_partition(path, KNOWN, "speech.private")
    except OverheardError as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith(f"{path}: ")
        assert len(refusal.splitlines()) == 1
    else:
        assert held == {u: client for client, ids in content.items() for u in ids}


def topics(count=4_000, values=5):
    return [utterance(f"u{n}", "on", f"s{n % 40}", template=f"t{n % values}") for n in range(count)]


SAID = topics()


def sizes(held):
    return np.array(sorted(Counter(held.values()).values()))


@pytest.mark.parametrize("by", ["quantity", "template"])
def test_the_smaller_the_parameter_the_more_uneven(by):
    spread = []
    for alpha in (100.0, 1.0, 0.1):
        held = dealt(SAID, by, 20, alpha, RNG)
        assert held.keys() == {u.id for u in SAID}
        assert set(held.values()) <= {f"device-{n:02d}" for n in range(20)}
        spread.append(sizes(held).max() / sizes(held).mean())
    assert spread == sorted(spread)
    assert spread[0] < 1.6
    assert spread[-1] > 2


def test_by_template_devices_differ_in_what_they_hold():
    for by, few in (("template", True), ("quantity", False)):
        held = dealt(SAID, by, 20, 0.05, RNG)
        of_device = defaultdict(Counter)
        for u in SAID:
            of_device[held[u.id]][u.attributes["template"]] += 1
        largest = [max(c.values()) / c.total() for c in of_device.values() if c.total() > 50]
        assert largest
        assert (np.mean(largest) > 0.6) == few


def test_the_shares_are_those_of_the_distribution():
    """Utterances fall on devices as often as the shares that were drawn say."""
    held = dealt(SAID, "quantity", 4, 1.0, RNG)
    shares = RNG.child("shares", "").numpy().dirichlet(np.ones(4))
    counts = np.array([sum(d == f"device-{n}" for d in held.values()) for n in range(4)])
    np.testing.assert_allclose(counts / len(SAID), shares, atol=4 * 0.5 / np.sqrt(len(SAID)))


def test_an_utterance_more_moves_no_other():
    held = dealt(SAID[:50], "template", 8, 0.5, RNG)
    fewer = dealt(SAID[1:50], "template", 8, 0.5, RNG)
    assert fewer == {u: device for u, device in held.items() if u != "u0"}


def test_what_nobody_knows_of_utterances_deals_nothing_out():
    with pytest.raises(OverheardError, match="nothing is known of the accent of an utterance"):
        on_devices("private", SPOKEN, Clients(by="accent", count=3), Path(), RNG)


def test_who_spoke_on_a_device_is_in_no_other_split(tmp_path):
    written(tmp_path, {"phone": ["p-0"], "q-s0": ["p-1"]})
    private = on_devices("private", SPOKEN, FILE, tmp_path, RNG)
    refuse({"private": private, "test": speech(2, "r")})
    with pytest.raises(OverheardError, match="'p-s0', who spoke on 'phone', is in speech"):
        refuse({"private": private, "test": SPOKEN[:1]})
    with pytest.raises(OverheardError, match="client 'q-s0' has the name of a speaker"):
        refuse({"private": private, "test": speech(2, "q")})
    refuse({"private": SPOKEN, "test": SPOKEN})  # no devices: the game's own affair
