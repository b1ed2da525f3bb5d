"""Functions as submissions from before mechanisms were objects call them."""

from __future__ import annotations

import pytest
import torch

from defenses.dpsgd import old_calls
from defenses.dpsgd.mechanism import set_noisy_mean, subsampled_gaussian_event
from defenses.dpsgd.sampling import rate_and_steps
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

MEMBERS = speech(6, "private", words=1)


def test_sampling_takes_a_recipe():
    recipe = recipe_for("ctc", MEMBERS)
    expected = rate_and_steps(recipe.expected_members, 2, 3)
    assert old_calls.sampling(recipe, 2, 3) == expected


def test_descent_asks_for_the_gradients_of_each_batch():
    model = recipe_for("ctc", MEMBERS).build()
    examples = model.examples(MEMBERS)
    generator = Randomness(0).torch()
    before = [p.detach().clone() for p in model.network.parameters()]
    seen = []

    def set_gradients(step, batch):
        seen.append((step, len(batch)))
        zeros = {p: torch.zeros_like(p) for p in model.network.parameters()}
        set_noisy_mean(zeros, 1.0, 2, generator)

    old_calls.descend(model, [examples[:2], [], examples[2:]], 3, 1e-3, set_gradients)
    assert seen == [(0, 2), (1, 0), (2, 4)]
    assert all((a != b).any() for a, b in zip(before, model.network.parameters(), strict=True))


def test_noise_decays_in_four_stages():
    assert old_calls.decaying_event(1.0, 0.1, 8, 0.5) == subsampled_gaussian_event(
        1, 0.1, 8, 4, 0.5
    )
    assert [old_calls.stage_of(step, 8) for step in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert old_calls.stage_of(7, 8) == pytest.approx(3)
