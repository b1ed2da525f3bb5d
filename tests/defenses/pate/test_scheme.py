"""PATE: one utterance belongs to one teacher, and nothing leaves but the noisy votes."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import torch

from defenses.accounting.price import (
    calibrated,
    confident_test_noise,
    confident_votes_event,
    gaussian_votes_event,
    laplace_votes_event,
    price,
)
from defenses.base import SharingDefense
from defenses.checks import check_defense
from defenses.pate import mechanism
from defenses.pate import scheme as pate
from defenses.pate.scheme import PATE
from defenses.pate.teachers import Votes
from defenses.pate.votes import count_votes, watching_votes
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


def test_teachers_of_speakers_give_a_guarantee_of_speakers(recipe):
    trained = PATE(4, **SMALL, unit="speaker").train(recipe, MEMBERS, PUBLIC, Randomness(0))
    assert trained.unit == "speaker"
    with pytest.raises(OverheardError, match="unit 'family': use one of utterance, speaker"):
        PATE(4, unit="family")


@pytest.mark.parametrize(
    ("noise", "event_of", "deviation"),
    [("gaussian", gaussian_votes_event, 1.0), ("laplace", laplace_votes_event, 2**0.5)],
)
def test_the_votes_have_the_noise_of_the_event(recipe, noise, event_of, deviation):
    votes = Votes([even("", "on", "off")] * 1_500, [np.array([1, 0, 0])] * 1_500)
    asked = without_text(speech(1, "audio")) * 1_500
    with watching_votes() as noisy:
        scheme = PATE(4, noise, **{**SMALL, "student_epochs": 0})
        trained = scheme.finish(recipe, asked, votes.to_json(), Randomness(0))
    scale = trained.notes["vote_noise"]
    assert trained.event == event_of(scale, 1_500)
    assert trained.notes["votes"] == len(noisy) == 1_500
    assert 3.9 < price(trained.event, recipe.delta).epsilon <= 4
    seen = np.array(noisy) - [1, 0, 0]
    assert seen.std() == pytest.approx(scale * deviation, rel=0.05)


def test_votes_of_its_own_and_shared_ones_give_the_same_student(recipe):
    """Shared work goes through a file, and no digit is lost there."""
    scheme = PATE(4, **SMALL)
    assert isinstance(scheme, SharingDefense)
    votes = scheme.shared_work.compute(recipe, MEMBERS, PUBLIC, Randomness(0))
    shared = scheme.finish(recipe, PUBLIC, json.loads(json.dumps(votes)), Randomness(0))
    own = scheme.train(recipe, MEMBERS, PUBLIC, Randomness(0))
    assert own.event == shared.event
    assert own.notes == shared.notes
    assert all(torch.equal(own.weights[name], shared.weights[name]) for name in own.weights)


def test_schemes_that_differ_in_noise_and_price_share_the_votes_of_their_teachers():
    shared = PATE(4, **SMALL).shared_work
    assert shared == PATE(1, "laplace", **SMALL, keep=0.8).shared_work
    assert shared != PATE(4, **SMALL, unit="speaker").shared_work


def test_members_reach_the_student_through_votes_alone(recipe, monkeypatch):
    """With the votes fixed, other members give the same weights to the last bit."""
    monkeypatch.setattr(
        mechanism, "noisy_counts", lambda counts, _: np.arange(len(counts), 0.0, -1)
    )
    one, other = (
        PATE(4, **SMALL).train(recipe, members, PUBLIC, Randomness(0)).weights
        for members in (MEMBERS, MEMBERS[5:])
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_agreeing_teachers_teach_the_student(recipe, monkeypatch):
    """Where all teachers hear the truth and noise is small, the lessons are the truth."""
    truth = [u.text for u in speech(5, "audio")]
    lessons = keep_lessons(monkeypatch)
    votes = Votes([even("a", t, "b") for t in truth], [np.array([0, 50, 0])] * 5)
    scheme = PATE(10, **{**SMALL, "teachers": 50, "keep": 1.0})
    scheme.finish(recipe, PUBLIC, votes.to_json(), Randomness(0))
    assert [u.text for u in lessons] == truth
    assert [u.id for u in lessons] == [u.id for u in UNTRANSCRIBED]


def test_with_noise_beyond_all_votes_the_student_is_that_of_public_speech_alone(
    recipe, monkeypatch
):
    """Votes that say nothing change nothing that the start believes."""
    lessons = keep_lessons(monkeypatch)
    asked = without_text(speech(1, "audio")) * 600
    votes = Votes([BELIEVED] * 600, [np.array([0, 1, 0])] * 600)
    PATE(1e-3, teachers=1).finish(recipe, asked, votes.to_json(), Randomness(0))
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
    votes = Votes([BELIEVED] * 600, [count_votes(BELIEVED.texts, heard)] * 600)
    scheme = PATE(20, "confident", teachers=len(heard), **{"keep": 1.0, **options})
    return scheme.finish(recipe, asked, votes.to_json(), Randomness(0)), lessons


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


def test_the_rest_is_labelled_by_a_student_of_the_answers(recipe, monkeypatch):
    """Only what was voted on is learnt at first; then comes what that student hears."""
    taught_so_far, lists_of = [], []

    def hear(recipe, speech, size):
        assert size == 8
        lists_of.append(recipe.start)
        return [Shortlist(["heard", "not"], np.array([-0.5 - n, -9.0])) for n in range(len(speech))]

    def teach(recipe, _, labels, *__):
        taught_so_far.append({u.id: u.text for u in labels})
        return recipe.build()

    monkeypatch.setattr(pate, "taught", teach)
    monkeypatch.setattr(pate, "shortlists", hear)
    votes = Votes([even("a", "yes", "b")] * 5, [np.array([0, 50, 0])] * 2, [3, 1])
    options = {**SMALL, "teachers": 50, "keep": 0.67, "hypotheses": 99}
    scheme = PATE(10, **options, rounds=2)
    trained = scheme.finish(recipe, PUBLIC, votes.to_json(), Randomness(0))
    ids = [u.id for u in UNTRANSCRIBED]
    answered = {ids[1]: "yes", ids[3]: "yes"}
    assert taught_so_far == [answered, *[{**answered, ids[0]: "heard", ids[2]: "heard"}] * 2]
    assert len(lists_of) == 2
    assert (trained.notes["labels"], trained.notes["votes"]) == (4, 2)


def test_settings_that_differ_in_queries_share_the_votes_and_pay_for_their_own(recipe):
    few, many = (PATE(4, **{**SMALL, "queries": n}, polled=4) for n in (2, 4))
    assert few.shared_work == many.shared_work
    votes = few.shared_work.compute(recipe, MEMBERS, PUBLIC, Randomness(0))
    with watching_votes() as noisy:
        trained = few.finish(recipe, PUBLIC, votes, Randomness(0))
    assert trained.notes["votes"] == len(noisy) == 2
    assert trained.event == gaussian_votes_event(trained.notes["vote_noise"], 2)


def test_all_public_options_together_keep_the_contract(recipe):
    factory = partial(PATE, 4, **SMALL, verbalised=True, choice="cover", rounds=1)
    check_defense(factory, recipe, MEMBERS, PUBLIC)


@pytest.mark.parametrize(("option", "value"), [("choice", "best"), ("rounds", -1)])
def test_options_that_mean_nothing_are_refused(option, value):
    with pytest.raises(OverheardError, match=option):
        PATE(4, **{option: value})
