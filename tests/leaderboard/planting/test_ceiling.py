from __future__ import annotations

import math

import pytest

from leaderboard.planting.ceiling import ceiling, needed


def test_without_delta_it_is_the_limit_of_a_coin():
    # All of 1000 guesses right, with a fifth of the error for each plan: -ln(β^(-1/r) - 1).
    assert ceiling(1000, 0.0) == pytest.approx(-math.log(0.01 ** (-1 / 1000) - 1), rel=1e-6)


def test_too_few_show_nothing():
    assert ceiling(1, 1e-5) == 0.0
    assert ceiling(2, 1e-5) == 0.0


@pytest.mark.parametrize("noise", ["any", "gaussian"])
def test_needed_is_enough_and_no_more_than_that(noise):
    enough = needed(3.0, 1e-5, noise)
    assert ceiling(enough, 1e-5, noise) > 3.0
    assert ceiling(round(0.9 * enough), 1e-5, noise) <= 3.0


def test_where_no_number_suffices_there_is_none():
    assert needed(8.0, 1e-5) is None


def test_a_peak_between_powers_of_two_is_found():
    claim = (ceiling(5793, 1e-5) + max(ceiling(4096, 1e-5), ceiling(8192, 1e-5))) / 2
    enough = needed(claim, 1e-5)
    assert enough is not None
    assert ceiling(enough, 1e-5) > claim
