"""Clients: one a speaker, with all that is theirs, whatever the order of the speech."""

from __future__ import annotations

import pytest

from defenses.federated.clients import Client, clients_of, of_period
from tests.fakes import speech


def test_every_speaker_is_a_client_with_all_their_utterances():
    spoken = speech(7, "private", speakers=3)
    clients = clients_of(spoken, [u.id for u in spoken])
    assert [c.name for c in clients] == ["private-s0", "private-s1", "private-s2"]
    assert [len(c.examples) for c in clients] == [3, 2, 2]
    assert {c.name: set(c.examples) for c in clients} == {
        name: {u.id for u in spoken if u.speaker == name} for name in {u.speaker for u in spoken}
    }


def test_one_speaker_more_leaves_the_others_alone():
    spoken = speech(6, "private", speakers=3)
    kept = [u for u in spoken if u.speaker != "private-s1"]
    fewer = clients_of(kept, [u.id for u in kept])
    more = {c.name: list(c.examples) for c in clients_of(spoken, [u.id for u in spoken])}
    assert {c.name: list(c.examples) for c in fewer} == {
        name: held for name, held in more.items() if name != "private-s1"
    }


def test_nobody_is_no_client():
    assert clients_of([], []) == []


@pytest.mark.parametrize("periods", [1, 2, 3, 7])
def test_in_all_periods_together_everything_is_there_once(periods):
    clients = [Client("a", list(range(7))), Client("b", [7]), Client("c", [8, 9])]
    seen = [of_period(clients, period, periods) for period in range(periods)]
    assert sorted(e for found in seen for c in found for e in c.examples) == list(range(10))
    assert all(c.examples for found in seen for c in found)
    assert max(len(c.examples) for found in seen for c in found) == -(-7 // periods)
