"""Poisson sampling, measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from defenses.dpsgd.sampling import poisson_batches, rate_and_steps
from targets.core.randomness import Randomness


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.9])
def test_every_item_is_drawn_at_the_rate_independently(rate):
    items, steps = 40, 4000
    drawn = np.zeros((steps, items))
    for step, batch in enumerate(poisson_batches(range(items), rate, steps, Randomness(0))):
        drawn[step, batch] = 1
    level = 1e-3 / items
    for hits in drawn.sum(0):
        assert stats.binomtest(int(hits), steps, rate).pvalue > level
    # The sizes spread like a binomial: a sampler of fixed-size batches would not.
    spread = drawn.sum(1).var() / (items * rate * (1 - rate))
    assert 0.9 < spread < 1.1
    between_items = np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]
    between_steps = np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]
    assert abs(between_items) < 4 / np.sqrt(steps)
    assert abs(between_steps) < 4 / np.sqrt(steps)


@given(items=st.integers(0, 20), rate=st.floats(0, 1), steps=st.integers(0, 20))
def test_as_many_batches_as_steps_whatever_is_drawn(items, rate, steps):
    batches = list(poisson_batches(range(items), rate, steps, Randomness(1)))
    assert len(batches) == steps
    assert all(sorted(set(batch)) == batch for batch in batches)
    assert batches == list(poisson_batches(range(items), rate, steps, Randomness(1)))


def test_rates_of_nothing_and_everything():
    assert list(poisson_batches("ab", 0.0, 2, Randomness(0))) == [[], []]
    assert list(poisson_batches("ab", 1.0, 2, Randomness(0))) == [["a", "b"]] * 2


@pytest.mark.parametrize(
    ("expected", "batch", "epochs", "found"),
    [(8, 2, 5, (0.25, 20)), (8, 8, 0.1, (1.0, 1)), (7, 2, 1, (2 / 7, 4))],
)
def test_rate_and_steps_follow_from_public_numbers(expected, batch, epochs, found):
    assert rate_and_steps(expected, batch, epochs) == found
