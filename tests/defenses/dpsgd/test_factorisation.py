"""The banded square root: it is one, and its sensitivity is the largest of all patterns."""

from __future__ import annotations

from itertools import combinations, pairwise, product

import numpy as np
import pytest
from scipy.special import binom

from defenses.dpsgd.factorisation import BandedRoot
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness


def matrix(root):
    return root.times(np.eye(root.steps))


def patterns(steps, separation, most):
    """Return every set of at most `most` steps that lie `separation` apart or more."""
    return [
        chosen
        for count in range(1, most + 1)
        for chosen in combinations(range(steps), count)
        if all(b - a >= separation for a, b in pairwise(chosen))
    ]


def test_the_whole_root_is_a_square_root_of_the_prefix_sum():
    root = matrix(BandedRoot(12, 12))
    np.testing.assert_allclose(root @ root, np.tri(12), atol=1e-12)


@pytest.mark.parametrize("band", [1, 2, 5])
def test_a_band_keeps_the_first_diagonals_alone(band):
    whole, cut = matrix(BandedRoot(9, 9)), matrix(BandedRoot(9, band))
    lag = np.subtract.outer(np.arange(9), np.arange(9))
    np.testing.assert_array_equal(cut, np.where((lag >= 0) & (lag < band), whole, 0))
    powers = np.arange(band)
    np.testing.assert_allclose(
        BandedRoot(9, band).coefficients, binom(2 * powers, powers) / 4.0**powers
    )


@pytest.mark.parametrize(("steps", "band", "separation"), [(8, 2, 2), (9, 3, 3), (10, 3, 4)])
def test_within_a_band_sensitivity_is_the_largest_of_all_patterns(steps, band, separation):
    """The oracle: every pattern of steps far enough apart, and every choice of directions."""
    root = BandedRoot(steps, band)
    columns = matrix(root).T
    most = -(-steps // separation)
    found, exact = 0.0, 0.0
    for chosen in patterns(steps, separation, most):
        exact = max(exact, float(np.linalg.norm(columns[list(chosen)])))  # columns share no row
        for signs in product([-1.0, 1.0], repeat=len(chosen)):
            found = max(found, float(np.linalg.norm(signs @ columns[list(chosen)])))
    assert root.sensitivity(separation) == pytest.approx(found)
    assert root.sensitivity(separation) == pytest.approx(exact)


@pytest.mark.parametrize(("steps", "band", "separation"), [(8, 8, 2), (9, 5, 3), (7, 4, 1)])
def test_beyond_a_band_it_is_the_largest_of_a_fixed_order(steps, band, separation):
    root = BandedRoot(steps, band)
    columns = matrix(root).T
    found = max(
        float(np.linalg.norm(signs @ columns[first::separation]))
        for first in range(separation)
        for signs in product([-1.0, 1.0], repeat=len(columns[first::separation]))
    )
    assert root.sensitivity(separation) == pytest.approx(found)


def test_gradients_in_any_direction_move_no_further():
    root, rng = BandedRoot(9, 6), Randomness(0).numpy()
    most = root.sensitivity(3)
    for _ in range(200):
        first = rng.integers(3)
        gradients = rng.normal(size=(9, 2))
        gradients /= np.linalg.norm(gradients, axis=1, keepdims=True)
        moved = root.times(gradients * root.participation(first, 3)[:, None])
        assert np.linalg.norm(moved) <= most * (1 + 1e-12)


def test_it_leaves_less_noise_in_the_prefix_sums_than_white_noise_would():
    def error(root):  # mean square over the sums, at the noise that one participation costs
        left = np.tri(root.steps) @ np.linalg.inv(matrix(root))
        return np.square(left).sum() / root.steps * root.sensitivity(root.steps) ** 2

    white, banded, whole = (error(BandedRoot(40, band)) for band in (1, 8, 40))
    assert white == pytest.approx(20.5)
    assert whole < banded < white / 3


@pytest.mark.parametrize("band", [0, 6])
def test_a_band_that_does_not_fit_is_refused(band):
    with pytest.raises(OverheardError, match=f"band is {band}; give 1 up to the 5 steps"):
        BandedRoot(5, band)
