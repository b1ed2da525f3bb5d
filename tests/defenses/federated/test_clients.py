"""Clients: one a speaker, with all that is theirs, whatever the order of the speech."""

from __future__ import annotations

from defenses.federated.clients import clients_of
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
