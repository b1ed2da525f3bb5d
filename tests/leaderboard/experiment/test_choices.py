"""Attacks calibrate a target by the public model that its training began from."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from attacks.base import Findings
from leaderboard.experiment import evaluate
from leaderboard.experiment.choices import recipe_as_begun
from leaderboard.records.record import failed_record
from leaderboard.spec.cell import SUBMISSION
from leaderboard.spec.load import load_suite
from targets.core.clock import Clock
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

CELL = load_suite("tiny").cells()[0]


@pytest.fixture(scope="module")
def recipe():
    begun = recipe_for("ctc", speech(4, "public"))
    student = {n: w + 0.5 if w.is_floating_point() else w for n, w in begun.start.items()}
    return replace(begun, student=student)


def of_scheme(name):
    return CELL.model_copy(update={"scheme": name, "label": name})


def near(weights, step=0.01):
    return {n: w + step if w.is_floating_point() else w for n, w in weights.items()}


@pytest.mark.parametrize(
    ("scheme", "at_student"),
    [
        ("none", False),
        ("start", False),
        ("edpsgd", False),
        ("edpsgd-self-trained", True),
        ("public", True),
        ("pate-gnmax", True),
    ],
)
def test_our_schemes_say_where_they_begin(recipe, scheme, at_student):
    begun = recipe_as_begun(of_scheme(scheme), recipe, near(recipe.start))
    assert begun.start == (recipe.student if at_student else recipe.start)
    without = replace(recipe, student={})
    assert recipe_as_begun(of_scheme(scheme), without, near(recipe.start)).start is recipe.start


def test_of_any_other_it_is_the_nearest_public_model(recipe):
    submitted = of_scheme(SUBMISSION)
    for weights in (recipe.start, recipe.student):
        assert recipe_as_begun(submitted, recipe, near(weights)).start == weights
    without = replace(recipe, student={})
    assert recipe_as_begun(submitted, without, near(recipe.student)).start is recipe.start


class Looks:
    """An attack that remembers which start its view has."""

    access = "weights"

    def __init__(self):
        self.seen = None

    def score(self, view, candidates, rng):  # noqa: ARG002
        self.seen = view.start.state_dict()
        return Findings(tuple(candidates), np.zeros(len(candidates)))


@pytest.mark.parametrize("scheme", ["edpsgd", "edpsgd-self-trained"])
def test_the_view_of_an_attack_holds_it(recipe, scheme, monkeypatch):
    looks = Looks()
    monkeypatch.setattr(evaluate, "attacks_of", lambda _: {"membership": looks})
    monkeypatch.setattr(evaluate, "_judged", lambda record, *_: record)
    monkeypatch.setattr(evaluate.measure, "leakage", lambda *_: {})
    experiment = Experiment(recipe)
    evaluate.attacked(
        failed_record(of_scheme(scheme), "not yet"), ["membership"], experiment,
        recipe.build(), None, Clock(),
    )  # fmt: skip
    expected = recipe.student if scheme == "edpsgd-self-trained" else recipe.start
    assert all(torch.equal(w, expected[n]) for n, w in looks.seen.items())


class Experiment:
    """What evaluating needs of one."""

    def __init__(self, recipe):
        self.recipe = recipe
        self.game = SimpleNamespace(
            public=speech(2, "public"), candidates=speech(2, "private"), unit="utterance"
        )

    def rng(self, *names):
        return Randomness(0).child(*names)
