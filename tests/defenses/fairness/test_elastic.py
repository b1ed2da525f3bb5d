"""What matters to others is held in place, and what does not is free."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from defenses.fairness.elastic import Elastic, empirical_fisher, ewc_objective
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

PUBLIC = speech(4, "public")
MEMBERS = [
    replace(u, attributes={"accent": "en" if n < 2 else "en-US"})
    for n, u in enumerate(speech(8, "private"))
]


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC, expected_members=8)


def test_information_is_the_mean_squared_gradient(recipe):
    recognizer = recipe.build()
    found = empirical_fisher(recognizer, MEMBERS[:2])
    weights = list(recognizer.network.parameters())
    expected = [torch.zeros_like(w) for w in weights]
    for example in recognizer.examples(MEMBERS[:2]):
        loss = recognizer.example_nll([example]).sum()
        for sum_, gradient in zip(expected, torch.autograd.grad(loss, weights), strict=True):
            sum_ += gradient.square() / 2
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_the_penalty_costs_nothing_where_it_is_and_half_its_strength_one_away(recipe):
    recognizer = recipe.build()
    weights = list(recognizer.network.parameters())
    stiff = [torch.zeros_like(w) for w in weights]
    stiff[0].flatten()[0] = 3.0
    objective = ewc_objective(recognizer, stiff, strength=2.0)
    losses = torch.tensor([1.0, 2.0])
    assert objective([], losses).item() == pytest.approx(1.5)
    with torch.no_grad():
        weights[0].flatten()[0] += 1.0
        weights[1].flatten()[0] += 9.0
    assert objective([], losses).item() == pytest.approx(1.5 + 3.0)


def test_a_strong_penalty_leaves_others_as_plain_training_does(recipe):
    def loss_of_others(strength):
        scheme = Elastic(strength=strength, further_epochs=30, slower=1.0)
        trained = scheme.train(recipe, MEMBERS, PUBLIC, Randomness(0))
        assert trained.notes["cohort"] == "en"
        recognizer = recipe.build()
        recognizer.load_state_dict(trained.weights)
        with torch.no_grad():
            each = recognizer.example_nll(recognizer.examples(MEMBERS)).double()
        return each[:2].mean().item(), each[2:].mean().item()

    (own_free, others_free), (own_held, others_held) = map(loss_of_others, (0.0, 1.0))
    assert own_free < own_held
    assert others_held < others_free


def test_without_a_second_cohort_it_is_plain_training(recipe):
    alike = [replace(m, attributes={"accent": "en"}) for m in MEMBERS]
    trained = [
        Elastic(further_epochs=n).train(recipe, alike, PUBLIC, Randomness(0)) for n in (1, 5)
    ]
    assert trained[0].notes["cohort"] == ""
    one, other = (t.weights for t in trained)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_options_that_mean_nothing_are_refused():
    with pytest.raises(OverheardError, match="strength is -1; give 0 or more"):
        Elastic(strength=-1)
    with pytest.raises(OverheardError, match="at least 1 for further_epochs"):
        Elastic(further_epochs=0)


@pytest.mark.parametrize("named", ["en-GB", "en"])
def test_a_cohort_of_nobody_or_of_everybody_is_refused(recipe, named):
    alike = [replace(m, attributes={"accent": "en"}) for m in MEMBERS]
    with pytest.raises(OverheardError, match=rf"of 8 members have accent '{named}'; name one"):
        Elastic(cohort=named).train(recipe, alike, PUBLIC, Randomness(0))
