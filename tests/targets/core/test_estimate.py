"""Estimates: equal where they say the same, scored or not."""

from __future__ import annotations

import math
from dataclasses import replace

from targets.core.estimate import Estimate

SCORED = Estimate(1.0, 0.5, math.inf, 0.95, "counted", ceiling=4.0)


def test_unscored_for_one_reason_are_equal():
    one, other = Estimate.unscored("no canary"), Estimate.unscored("no canary")
    another_nan = replace(one, value=float("nan"))
    assert one == other == another_nan
    assert len({one, other, another_nan}) == 1
    assert one != Estimate.unscored("no voice")
    assert not one.scored


def test_any_difference_counts():
    assert replace(SCORED) == SCORED
    assert SCORED.scored
    for name, value in {"value": 2.0, "low": 0.0, "high": 3.0, "level": 0.9}.items():
        assert replace(SCORED, **{name: value}) != SCORED
        assert replace(SCORED, **{name: math.nan}) != SCORED
    assert replace(SCORED, method="guessed") != SCORED
    assert replace(SCORED, ceiling=None) != SCORED != "counted"
