"""Few values for many weights: nearest centroids, after Lloyd's steps from the μ-law."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from targets.nn.codebook import MU, STEPS, StraightThrough, few_values

BITS = (1, 2, 4, 8)
# Of normal weights of variance one; the best possible are 0.363, 0.118, 0.0095 and 0.00003.
MOST_ERROR = {1: 0.37, 2: 0.125, 4: 0.012, 8: 0.0002}


def weights(rows=3, count=500, seed=0):
    return torch.randn(rows, count, generator=torch.Generator().manual_seed(seed))


def slowly(row, bits):
    """The definition, a weight at a time."""
    even = np.linspace(-1, 1, 2**bits)
    centroids = np.abs(row).max() * np.sign(even) * ((1 + MU) ** np.abs(even) - 1) / MU
    for _ in range(STEPS):
        nearest = np.abs(row[:, None] - centroids).argmin(1)
        centroids = np.array(
            [
                row[nearest == k].mean() if (nearest == k).any() else c
                for k, c in enumerate(centroids)
            ]
        )
    return centroids[np.abs(row[:, None] - centroids).argmin(1)]


@pytest.mark.parametrize("bits", BITS)
def test_it_is_the_definition_row_by_row(bits):
    found = few_values(weights(), bits)
    for row, expected in zip(found, weights().double().numpy(), strict=True):
        np.testing.assert_allclose(row, slowly(expected, bits), atol=1e-6)
        assert len(row.unique()) <= 2**bits


@pytest.mark.parametrize("bits", BITS)
def test_more_bits_lose_less_and_twice_is_once(bits):
    found = few_values(weights(1, 5000), bits)
    error = (found - weights(1, 5000)).square().mean()
    assert error < MOST_ERROR[bits]
    assert torch.equal(few_values(found, bits), found)


def test_few_weights_and_equal_ones_stay_as_they_are():
    few = torch.tensor([[0.3, -1.0, 0.3, 2.0], [0.0, 0.0, 0.0, 0.0]])
    assert torch.equal(few_values(few, 2), few)


def test_what_diverged_raises_nothing():
    broken = weights(1, 50)
    broken[0, 3], broken[0, 7] = torch.nan, torch.inf
    assert few_values(broken, 2).shape == broken.shape


def test_the_gradient_passes_straight_through():
    weight = weights(4, 30).requires_grad_()
    slopes = weights(4, 30, seed=1)
    for models in (1, 4):
        (gradient,) = torch.autograd.grad(
            (StraightThrough.apply(weight, 2, models) * slopes).sum(), weight
        )
        assert torch.equal(gradient, slopes)
    together = StraightThrough.apply(weight, 2, 1)
    assert len(together.unique()) <= 4 < len(StraightThrough.apply(weight, 2, 4).unique())
