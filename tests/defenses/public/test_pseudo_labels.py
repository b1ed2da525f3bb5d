"""What a student is taught: the most credible texts, whoever vouches for them."""

from __future__ import annotations

import numpy as np
import pytest

from defenses.public.pseudo_labels import Shortlist, labelled, shortlists
from tests.fakes import recipe_for, speech, without_text

AUDIO = without_text(speech(4, "audio"))
LISTS = [Shortlist(["on", "off"], np.array([-lost, -lost - 2])) for lost in (1.0, 5.0, 3.0, 9.0)]


def test_without_votes_the_start_labels_what_it_is_surest_of():
    lessons = labelled(AUDIO, LISTS, [None] * 4, keep=0.5)
    assert [(u.id, u.text) for u in lessons] == [(AUDIO[0].id, "on"), (AUDIO[2].id, "on")]


def test_votes_overrule_the_start_where_they_weigh_more():
    votes = [np.array([0.0, 1.9]), None, None, np.array([0.0, 12.0])]
    lessons = labelled(AUDIO, LISTS, votes, keep=1.0)
    assert [u.text for u in lessons] == ["on", "on", "on", "off"]
    (surest,) = labelled(AUDIO, LISTS, votes, keep=0.25)
    assert (surest.id, surest.text) == (AUDIO[3].id, "off")


def test_silence_is_no_lesson():
    assert labelled(AUDIO[:1], [Shortlist([""], np.zeros(1))], [None], keep=1.0) == []


@pytest.mark.parametrize("target", ["ctc", "rnnt", "las", "hybrid"])
def test_shortlists_are_distinct_and_best_first(target):
    recipe = recipe_for(target, speech(4, "public"))
    for found in shortlists(recipe, AUDIO, 5):
        assert 1 <= len(found.texts) <= 5
        assert len(set(found.texts)) == len(found.texts) == len(found.log_probs)
        assert (np.diff(found.log_probs) <= 0).all()
