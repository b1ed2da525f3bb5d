"""PATE: one utterance belongs to one teacher, and nothing leaves but the noisy votes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from defenses.accounting.price import (
    calibrated,
    confident_test_noise,
    confident_votes_event,
    gaussian_votes_event,
    laplace_votes_event,
    price,
)
from defenses.pate import scheme as pate
from defenses.pate.scheme import PATE
from defenses.pate.teachers import Ballots, shards
from defenses.pate.votes import ballot, watching_votes
from defenses.public.pseudo_labels import Shortlist
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech, without_text

TRANSCRIBED, UNTRANSCRIBED = speech(4, "public"), without_text(speech(5, "audio"))
PUBLIC = [*TRANSCRIBED, *UNTRANSCRIBED]
MEMBERS = speech(9, "private")
SMALL = {"teachers": 3, "teacher_epochs": 1, "queries": 4, "hypotheses": 3, "student_epochs": 1}


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC)


def even(*texts):
    """A list that the start is undecided about."""
    return Shortlist(texts, np.full(len(texts), -2.0))


def keep_lessons(monkeypatch):
    """Return what students are taught from now on; nobody learns it."""
    lessons = []
    monkeypatch.setattr(
        pate, "taught", lambda recipe, _, labels, *__: lessons.extend(labels) or recipe.build()
    )
    return lessons


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


def test_teachers_of_speakers_give_a_guarantee_of_speakers(recipe):
    trained = PATE(4, **SMALL, unit="speaker").train(recipe, MEMBERS, PUBLIC, Randomness(0))
    assert trained.unit == "speaker"
    with pytest.raises(OverheardError, match="unit 'family': use one of utterance, speaker"):
        PATE(4, unit="family")


def test_shards_are_about_equal():
    many = [m for n in range(40) for m in speech(25, f"g{n}")]
    sizes = [len(s) for s in shards(many, 10, Randomness(0))]
    assert 60 < min(sizes) <= max(sizes) < 140


@pytest.mark.parametrize(
    ("noise", "event_of", "deviation"),
    [("gaussian", gaussian_votes_event, 1.0), ("laplace", laplace_votes_event, 2**0.5)],
)
def test_the_votes_have_the_noise_of_the_event(recipe, noise, event_of, deviation):
    ballots = Ballots([even("", "on", "off")] * 1_500, [np.array([1, 0, 0])] * 1_500)
    asked = without_text(speech(1, "audio")) * 1_500
    with watching_votes() as noisy:
        scheme = PATE(4, noise, **{**SMALL, "student_epochs": 0})
        trained = scheme.learn(recipe, asked, ballots, Randomness(0))
    scale = trained.notes["vote_noise"]
    assert trained.event == event_of(scale, 1_500)
    assert trained.notes["votes"] == len(noisy) == 1_500
    assert 3.9 < price(trained.event, recipe.delta).epsilon <= 4
    seen = np.array(noisy) - [1, 0, 0]
    assert seen.std() == pytest.approx(scale * deviation, rel=0.05)


def test_one_member_moves_one_vote_a_query(recipe):
    """The same randomness, one member less: the counts differ by one teacher's vote at most."""

    def counts(members):
        return PATE(4, **SMALL).poll.take(recipe, members, PUBLIC, Randomness(0)).counts

    whole, rest = counts(MEMBERS), counts(MEMBERS[1:])
    assert len(whole) == len(rest) == SMALL["queries"]
    for one, other in zip(whole, rest, strict=True):
        assert one.sum() == other.sum() == SMALL["teachers"]
        assert np.abs(one - other).sum() in (0, 2)


def test_a_poll_of_its_own_and_a_shared_one_give_the_same_student(recipe):
    scheme = PATE(4, **SMALL)
    ballots = scheme.poll.take(recipe, MEMBERS, PUBLIC, Randomness(0))
    shared = scheme.learn(recipe, PUBLIC, ballots, Randomness(0))
    own = scheme.train(recipe, MEMBERS, PUBLIC, Randomness(0))
    assert own.event == shared.event
    assert own.notes == shared.notes
    assert all(torch.equal(own.weights[name], shared.weights[name]) for name in own.weights)


def test_schemes_that_differ_in_noise_and_price_share_a_poll():
    assert PATE(4, **SMALL).poll == PATE(1, "laplace", **SMALL, keep=0.8).poll
    assert PATE(4, **SMALL).poll != PATE(4, **SMALL, unit="speaker").poll


def test_members_reach_the_student_through_votes_alone(recipe, monkeypatch):
    """With the votes fixed, other members give the same weights to the last bit."""
    monkeypatch.setattr(pate, "noisy_counts", lambda counts, _: np.arange(len(counts), 0.0, -1))
    one, other = (
        PATE(4, **SMALL).train(recipe, members, PUBLIC, Randomness(0)).weights
        for members in (MEMBERS, MEMBERS[5:])
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_agreeing_teachers_teach_the_student(recipe, monkeypatch):
    """Where all teachers hear the truth and noise is small, the lessons are the truth."""
    truth = [u.text for u in speech(5, "audio")]
    lessons = keep_lessons(monkeypatch)
    ballots = Ballots([even("a", t, "b") for t in truth], [np.array([0, 50, 0])] * 5)
    scheme = PATE(10, **{**SMALL, "teachers": 50, "keep": 1.0})
    scheme.learn(recipe, PUBLIC, ballots, Randomness(0))
    assert [u.text for u in lessons] == truth
    assert [u.id for u in lessons] == [u.id for u in UNTRANSCRIBED]


def test_with_noise_beyond_all_votes_the_student_is_that_of_public_speech_alone(
    recipe, monkeypatch
):
    """Votes that say nothing change nothing that the start believes."""
    lessons = keep_lessons(monkeypatch)
    asked = without_text(speech(1, "audio")) * 600
    ballots = Ballots([BELIEVED] * 600, [np.array([0, 1, 0])] * 600)
    PATE(1e-3, teachers=1).learn(recipe, asked, ballots, Randomness(0))
    assert [u.text for u in lessons] == ["no"] * 360


def test_only_so_many_queries_are_asked_and_paid_for(recipe):
    trained = PATE(4, **{**SMALL, "queries": 2}).train(recipe, MEMBERS, PUBLIC, Randomness(0))
    assert trained.notes["votes"] == 2


def test_without_untranscribed_speech_there_is_nothing_to_vote_on(recipe):
    with pytest.raises(OverheardError, match="needs untranscribed public speech"):
        PATE(4, **SMALL).train(recipe, MEMBERS, TRANSCRIBED, Randomness(0))


BELIEVED = Shortlist(["no", "yes", "on"], np.array([-1.0, -1.5, -2.0]))  # before anyone voted


def confident_run(recipe, monkeypatch, heard, **options):
    lessons = keep_lessons(monkeypatch)
    asked = without_text(speech(1, "audio")) * 600
    ballots = Ballots([BELIEVED] * 600, [ballot(BELIEVED.texts, heard)] * 600)
    scheme = PATE(20, "confident", teachers=len(heard), **{"keep": 1.0, **options})
    return scheme.learn(recipe, asked, ballots, Randomness(0)), lessons


def test_confident_answers_are_capped_and_what_is_paid_is_the_cap(recipe, monkeypatch):
    trained, lessons = confident_run(recipe, monkeypatch, ["yes"] * 300, answers=40)
    assert trained.event == confident_votes_event(trained.notes["vote_noise"], 600, 40, 0.25)
    assert 19 < price(trained.event, recipe.delta).epsilon <= 20
    assert trained.notes["answers"] == 40
    assert [u.text for u in lessons].count("yes") == 40
    assert {u.text for u in lessons} == {"yes", "no"}  # the rest is what the start believes


def test_split_teachers_are_not_asked_further(recipe, monkeypatch):
    heard = ["yes"] * 100 + ["no"] * 100 + ["on"] * 100
    trained, lessons = confident_run(recipe, monkeypatch, heard, threshold=0.9)
    assert trained.notes["answers"] == 0
    assert {u.text for u in lessons} == {"no"}
    assert price(trained.event, recipe.delta).epsilon > 19


def test_the_test_has_the_noise_of_the_event(recipe, monkeypatch):
    """At a threshold that all teachers just reach, noise decides, by half a deviation."""
    scale = calibrated(confident_votes_event, 20, recipe.delta, 600, 600, 0.25)
    half = confident_test_noise(scale, 600, 600, 0.25) / 2
    teachers = 400
    trained, _ = confident_run(
        recipe, monkeypatch, ["yes"] * teachers, answers=600, threshold=1 - half / teachers
    )
    assert trained.notes["answers"] / 600 == pytest.approx(0.691, abs=0.06)


@pytest.mark.parametrize(
    ("option", "value"), [("threshold", 0.0), ("test_share", 1.0), ("answers", 0)]
)
def test_settings_of_the_test_that_mean_nothing_are_refused(option, value):
    with pytest.raises(OverheardError, match=option):
        PATE(4, "confident", **{option: value})
