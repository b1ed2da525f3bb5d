"""The contrast: against sums written out, and what a guess and perfect knowledge cost."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from targets.core.randomness import Randomness
from targets.training.contrast import TEMPERATURE, info_nce


def written_out(predicted, actual):
    """Return the losses one by one, from Python's own numbers."""

    def cosine(one, other):
        product = sum(a * b for a, b in zip(one, other, strict=True))
        return product / (math.hypot(*one) * math.hypot(*other))

    losses = []
    for n, guess in enumerate(predicted):
        scores = [cosine(guess, state) / TEMPERATURE for state in actual]
        most = max(scores)
        losses.append(math.log(sum(math.exp(s - most) for s in scores)) + most - scores[n])
    return losses


@given(count=st.integers(1, 6), width=st.integers(2, 5), seed=st.integers(0, 99))
def test_it_is_what_is_written_out(count, width, seed):
    drawn = torch.randn(2, count, width, generator=Randomness(seed).torch(), dtype=torch.float64)
    found = info_nce(*drawn)
    wanted = written_out(*drawn.tolist())
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64))


def test_a_guess_costs_the_logarithm_of_the_number_and_knowledge_next_to_nothing():
    states = torch.eye(8)
    torch.testing.assert_close(info_nce(torch.ones(8, 8), states), torch.full((8,), math.log(8)))
    assert (info_nce(states, states) < 1e-3).all()
    assert (info_nce(states.roll(1, 0), states) > math.log(8)).all()
