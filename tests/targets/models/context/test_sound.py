"""What sounds alike is near, and what does not is far."""

from __future__ import annotations

import pytest

from targets.models.context.sound import distance, sounds


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("philip", "filip"),
        ("katherine", "catherine"),
        ("knight", "nite"),
        ("lee", "leigh"),
        ("clark", "klark"),
        ("o'neill", "oneil"),
    ],
)
def test_spellings_of_one_sound(one, other):
    assert sounds(one) == sounds(other)
    assert distance(one, other) == 0


def test_near_sounds_are_nearer_than_far_ones():
    assert 0 < distance("berta", "perta") < distance("berta", "kerta")
    assert distance("anna", "ana") == 0
    assert distance("jon", "jan") < distance("jon", "jost") < distance("jon", "wilma")


@pytest.mark.parametrize(("one", "other"), [("peter", "pieter"), ("zoe", "milk"), ("", "ann")])
def test_a_distance_is_symmetric_and_at_most_one(one, other):
    assert distance(one, other) == pytest.approx(distance(other, one))
    assert 0 <= distance(one, other) <= 1
    assert distance(one, one) == 0
