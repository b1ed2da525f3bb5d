"""Teachers: each privacy unit belongs to one of them, and moves one vote of every query."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from defenses.pate.teachers import TeacherVotes, Votes, covering, shards
from defenses.public.pseudo_labels import Shortlist
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech, without_text

PUBLIC = [*speech(4, "public"), *without_text(speech(5, "audio"))]
MEMBERS = speech(9, "private")
TEACHERS = TeacherVotes(3, 1, 5e-4, queries=4, hypotheses=3, unit="utterance")
VOTES = Votes(
    [Shortlist(["on", "off"], np.array([-0.1, -1 / 3])), Shortlist(["ten"], np.array([-1e-300]))],
    [np.array([2, 1])],
)


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC)


ids = st.lists(st.integers(0, 8), max_size=9, unique=True)


@given(chosen=ids, count=st.integers(1, 5), seed=st.integers(0, 9))
def test_shards_are_disjoint_and_lose_nobody(chosen, count, seed):
    members = [MEMBERS[i] for i in chosen]
    dealt = shards(members, count, Randomness(seed))
    assert len(dealt) == count
    assert sorted(u.id for s in dealt for u in s) == sorted(u.id for u in members)


@given(chosen=ids.filter(bool), count=st.integers(1, 5), seed=st.integers(0, 9), data=st.data())
def test_one_utterance_changes_one_shard(chosen, count, seed, data):
    members = [MEMBERS[i] for i in chosen]
    gone = data.draw(st.sampled_from(members))
    whole = shards(members, count, Randomness(seed))
    rest = shards([m for m in members if m is not gone], count, Randomness(seed))
    changed = [(a, b) for a, b in zip(whole, rest, strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0][1] == [m for m in changed[0][0] if m is not gone]


def test_a_repeated_canary_stays_with_one_teacher():
    dealt = shards([MEMBERS[0]] * 5, 4, Randomness(0))
    assert sorted(map(len, dealt)) == [0, 0, 0, 5]


@given(chosen=ids.filter(bool), count=st.integers(1, 5), seed=st.integers(0, 9), data=st.data())
def test_by_speaker_one_speaker_changes_one_shard(chosen, count, seed, data):
    members = [replace(MEMBERS[i], speaker=f"speaker {i % 3}") for i in chosen]
    gone = data.draw(st.sampled_from(members)).speaker
    whole = shards(members, count, Randomness(seed), "speaker")
    rest = [m for m in members if m.speaker != gone]
    changed = [
        (a, b)
        for a, b in zip(whole, shards(rest, count, Randomness(seed), "speaker"), strict=True)
        if a != b
    ]
    assert len(changed) == 1
    assert changed[0][1] == [m for m in changed[0][0] if m.speaker != gone]


def test_shards_are_about_equal():
    many = [m for n in range(40) for m in speech(25, f"g{n}")]
    sizes = [len(s) for s in shards(many, 10, Randomness(0))]
    assert 60 < min(sizes) <= max(sizes) < 140


def test_one_member_moves_one_vote_a_query(recipe):
    """The same randomness, one member less: the counts differ by one teacher's vote at most."""

    def counts(members):
        return TEACHERS.collect(recipe, members, PUBLIC, Randomness(0)).counts

    whole, rest = counts(MEMBERS), counts(MEMBERS[1:])
    assert len(whole) == len(rest) == TEACHERS.queries
    for one, other in zip(whole, rest, strict=True):
        assert one.sum() == other.sum() == TEACHERS.teachers
        assert np.abs(one - other).sum() in (0, 2)


def test_votes_come_back_from_json_to_the_last_digit():
    again = Votes.from_json(json.loads(json.dumps(VOTES.to_json())))
    for one, other in zip(VOTES.lists, again.lists, strict=True):
        assert one.texts == other.texts
        assert one.log_probs.tobytes() == other.log_probs.tobytes()
    for counts, others in zip(VOTES.counts, again.counts, strict=True):
        assert counts.dtype == others.dtype
        assert counts.tobytes() == others.tobytes()


def test_what_a_file_says_beside_the_votes_is_passed_over():
    again = Votes.from_json({**VOTES.to_json(), "seconds": 3.0})
    assert again.to_json() == VOTES.to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"texts": [["on", "off"]]},
        {"texts": [["on"], ["ten"]]},
        {"counts": [[2, 1, 0]]},
        {"counts": [[2, 1], [3], [1]]},
        {"counts": [["two", 1]]},
        {"counts": None},
        {"log_probs": "none"},
    ],
)
def test_what_is_no_votes_is_refused_in_words(change):
    with pytest.raises(OverheardError, match="these are no votes of teachers"):
        Votes.from_json({**VOTES.to_json(), **change})
    missing = {name: value for name, value in VOTES.to_json().items() if name not in change}
    with pytest.raises(OverheardError, match="these are no votes of teachers: KeyError"):
        Votes.from_json(missing)


def test_votes_on_chosen_speech_come_back_with_their_places():
    chosen = Votes(VOTES.lists, [np.array([3])], [1])
    again = Votes.from_json(json.loads(json.dumps(chosen.to_json())))
    assert list(again.places) == [1]
    assert list(VOTES.places) == [0]
    for place in (-1, 0, 2):  # whose list has another length, or that is not there
        with pytest.raises(OverheardError, match="do not fit"):
            Votes.from_json({**chosen.to_json(), "asked": [place]})


def test_what_is_asked_covers_many_words_and_each_often():
    texts = ["a", "a b", "c c", "", "a b c d", "e"]
    assert covering(texts, 3) == [4, 1, 2]
    assert covering(texts, 9)[3:] == [5, 0, 3]
    assert sorted(covering(texts, 9)) == list(range(6))


def test_chosen_speech_and_longer_lists_are_what_is_voted_on(recipe):
    chosen = replace(TEACHERS, queries=2, choice="cover", verbalised=True)
    votes = chosen.collect(recipe, MEMBERS, PUBLIC, Randomness(0))
    plain = TEACHERS.collect(recipe, MEMBERS, PUBLIC, Randomness(0))
    assert list(votes.places) == covering([one.texts[0] for one in votes.lists], 2)
    assert [len(c) for c in votes.counts] == [len(votes.lists[p].texts) for p in votes.places]
    assert all(c.sum() == TEACHERS.teachers for c in votes.counts)
    for longer, shorter in zip(votes.lists, plain.lists, strict=True):
        assert set(longer.texts) >= set(shorter.texts)


def test_of_fewer_queries_are_the_first_of_more():
    texts = ["a b", "b c d", "a", "d d e", "f"]
    assert covering(texts, 4)[:2] == covering(texts, 2)
