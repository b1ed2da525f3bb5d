"""Small cohorts are heard more often; under DP everybody is priced at the highest rate."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from defenses.accounting.price import dp_sgd_event, price
from defenses.dpsgd.scheme import EDPSGD
from defenses.fairness.oversampling import Oversampled, OversampledEDPSGD, Thinned, balanced
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

PUBLIC = speech(4, "public")
MEMBERS = [
    replace(u, attributes={"accent": "en" if n < 2 else "en-US"} if n < 10 else {})
    for n, u in enumerate(speech(12, "private"))
]
SETTINGS = {"epochs": 2, "batch_size": 2, "cohort": "en"}


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC, expected_members=8)


def heard(most):
    return Counter(u.attributes.get("accent", "") for u in balanced(MEMBERS, "accent", most))


def test_cohorts_are_as_large_as_the_largest_up_to_a_limit():
    assert heard(8) == {"en": 8, "en-US": 8, "": 2}
    assert heard(3) == {"en": 6, "en-US": 8, "": 2}
    assert balanced(MEMBERS, "accent", 1) == MEMBERS
    assert balanced(MEMBERS, "gender", 8) == MEMBERS


def test_it_takes_about_as_many_steps_as_plain_training(recipe, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "defenses.fairness.oversampling.fit",
        lambda _, said, schedule, rng: seen.append((len(said), schedule.epochs)),  # noqa: ARG005
    )
    long = replace(recipe, schedule=replace(recipe.schedule, epochs=12))
    trained = Oversampled().train(long, MEMBERS, PUBLIC, Randomness(0))
    assert seen == [(18, 8)]
    assert trained.notes["training_utterances"] == 18


def test_the_event_is_that_of_the_highest_rate(recipe):
    scheme = OversampledEDPSGD(4, factor=2.0, **SETTINGS)
    trained = scheme.train(recipe, MEMBERS, PUBLIC, Randomness(0))
    noise = trained.notes["noise_multiplier"]
    assert trained.event == dp_sgd_event(noise, 0.5, 8)
    assert price(trained.event, recipe.delta).epsilon <= 4
    plain = EDPSGD(4, epochs=2, batch_size=2).train(recipe, MEMBERS, PUBLIC, Randomness(0))
    assert noise > plain.notes["noise_multiplier"]


@pytest.mark.slow
def test_a_cohort_is_drawn_so_many_times_as_often_as_all_others(recipe, monkeypatch):
    drawn = Counter()

    def count(self, recognizer, chosen):  # noqa: ARG001
        drawn.update(len(e.features) for e in chosen)
        return {p: torch.zeros_like(p) for p in recognizer.network.parameters()}

    monkeypatch.setattr("defenses.dpsgd.clipping.ClippedExamples.__call__", count)
    long = replace(recipe, expected_members=16)
    one, other = MEMBERS[0], max(MEMBERS[2:10], key=lambda u: u.size)
    lengths = [len(recipe.build().examples([u])[0].features) for u in (one, other)]
    assert lengths[0] != lengths[1]
    scheme = OversampledEDPSGD(4, cohort="en", factor=4.0, epochs=100, batch_size=2)
    trained = scheme.train(long, [one, other], PUBLIC, Randomness(0))
    shares = [drawn[length] / trained.notes["steps"] for length in lengths]
    assert shares == pytest.approx([4 / 8, 1 / 8], abs=0.06)


def test_who_is_kept_is_decided_by_a_coin_each():
    batch = [object() for _ in range(2_000)]
    kept = {id(e): 1.0 if n < 1_000 else 0.25 for n, e in enumerate(batch)}

    class Sum:
        sensitivity = 1.0

        def __call__(self, recognizer, chosen):  # noqa: ARG002
            return len(chosen)

    thinned = Thinned(Sum(), kept, np.random.default_rng(0))
    assert thinned(None, batch) == pytest.approx(1_250, abs=50)
    assert thinned(None, []) == 0
    assert thinned.sensitivity == 1.0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"cohort": ""}, "cohort is empty: name the accent"),
        ({"factor": 0.5}, "factor is 0.5; give 1 to 4"),
        ({"factor": 5.0}, "factor is 5; give 1 to 4"),
        ({"factor": float("nan")}, "factor is nan"),
    ],
)
def test_options_that_mean_nothing_are_refused(recipe, options, complaint):
    scheme = OversampledEDPSGD(4, **SETTINGS | options)
    with pytest.raises(OverheardError, match=complaint):
        scheme.train(recipe, MEMBERS, PUBLIC, Randomness(0))
    with pytest.raises(OverheardError, match="most is 0; give at least 1"):
        Oversampled(most=0)
