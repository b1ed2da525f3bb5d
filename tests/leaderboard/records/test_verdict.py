"""The verdict: false is what is proven false."""

from __future__ import annotations

import math

import pytest

from leaderboard.records.verdict import is_falsified
from targets.core.estimate import Estimate


def bound(low):
    return Estimate(low, low, math.inf, 0.95, "a bound")


@pytest.mark.parametrize(
    ("audited", "claimed", "falsified"),
    [
        (bound(1.1), 1.0, True),
        (bound(1.0), 1.0, False),
        (bound(0.0), 0.0, False),
        (bound(0.1), 0.0, True),
        (bound(9.9), math.inf, False),
        (bound(9.9), None, False),
        (Estimate.unscored("no attack"), 0.0, False),
    ],
)
def test_only_a_proven_excess_falsifies(audited, claimed, falsified):
    assert is_falsified(audited, claimed) is falsified
