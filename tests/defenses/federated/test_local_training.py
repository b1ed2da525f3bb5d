"""Local training: gradient descent by the book, and weights that are put back."""

from __future__ import annotations

import math

import pytest
import torch

from defenses.federated.local_training import LocalTraining, norm_of
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness
from targets.training.fit import MOST_GRADIENT
from tests.fakes import recipe_for, speech

PUBLIC = speech(4, "public")
OWN = speech(5, "own", speakers=1)


@pytest.fixture(scope="module")
def recipe():
    return recipe_for("ctc", PUBLIC)


def flat(parts):
    return torch.cat([p.detach().flatten() for p in parts])


def test_one_step_goes_down_the_gradient_of_the_mean(recipe):
    recognizer = recipe.build()
    examples = recognizer.examples(OWN)
    parameters = list(recognizer.network.parameters())
    gradient = flat(torch.autograd.grad(recognizer.example_nll(examples).mean(), parameters))
    cut = min(1.0, MOST_GRADIENT / float(gradient.norm()))
    update = LocalTraining(1, 8, 0.01).update(recognizer, examples, Randomness(0))
    torch.testing.assert_close(flat(update.values()), -0.01 * cut * gradient, atol=1e-6, rtol=1e-3)


def test_several_steps_are_those_of_an_optimiser(recipe):
    """The oracle: torch's own descent over the same batches."""
    recognizer, by_torch = recipe.build(), recipe.build()
    examples = recognizer.examples(OWN)
    update = LocalTraining(2, 2, 0.05).update(recognizer, examples, Randomness(3))
    parameters = list(by_torch.network.parameters())
    before = flat(parameters).clone()
    optimizer = torch.optim.SGD(parameters, lr=0.05)
    order = Randomness(3).numpy()
    for _ in range(2):
        shuffled = [examples[i] for i in order.permutation(5)]
        for start in (0, 2, 4):
            optimizer.zero_grad()
            by_torch.example_nll(shuffled[start : start + 2]).mean().backward()
            torch.nn.utils.clip_grad_norm_(parameters, MOST_GRADIENT)
            optimizer.step()
    torch.testing.assert_close(
        flat(update.values()), flat(parameters) - before, atol=1e-5, rtol=1e-3
    )


def test_the_weights_are_put_back(recipe):
    recognizer = recipe.build()
    examples = recognizer.examples(OWN)
    update = LocalTraining(1, 2, 0.1).update(recognizer, examples, Randomness(0))
    assert all(bool(part.any()) for part in update.values())
    after = recognizer.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in recipe.start.items())


def test_frozen_weights_stay(recipe):
    recognizer = recipe.build()
    first = next(iter(recognizer.network.parameters())).requires_grad_(False)
    update = LocalTraining(1, 2, 0.1).update(recognizer, recognizer.examples(OWN), Randomness(0))
    assert all(parameter is not first for parameter in update)


def test_an_update_that_diverged_is_none(recipe):
    recognizer = recipe.build()
    (example, *_) = recognizer.examples(OWN[:1])
    example.features[:] = math.nan
    update = LocalTraining(1, 2, 0.1).update(recognizer, [example], Randomness(0))
    assert not any(bool(part.any()) for part in update.values())
    assert all(bool(torch.isfinite(p).all()) for p in recognizer.network.parameters())


def test_the_norm_is_over_all_parts():
    assert float(norm_of([torch.tensor([3.0]), torch.tensor([[4.0, 12.0]])])) == 13.0


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ((0, 1, 0.1), "local_epochs is 0; give at least 1"),
        ((1, 0, 0.1), "batch_size is 0; give at least 1"),
        ((1, 1, 0.0), "local_rate is 0; give a number above 0"),
        ((1, 1, math.nan), "local_rate is nan"),
    ],
)
def test_training_that_goes_nowhere_is_refused(settings, complaint):
    with pytest.raises(OverheardError, match=complaint):
        LocalTraining(*settings)
