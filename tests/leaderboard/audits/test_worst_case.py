"""The worst case of final weights: a small recogniser, trained in and out many times."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.audits import worst_case
from leaderboard.audits.worst_case import audit_worst_case, trained_and_compared, worst_case_pairs
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

RNG = Randomness(0)


def test_final_weights_tell_whether_the_canary_was_in():
    evidence, weights = trained_and_compared("edpsgd", 30.0, 1, 30, 1e-5, RNG)
    (trials,) = evidence.trials.values()
    assert weights > 1_000
    assert trials.size == 60
    gap = trials.in_scores.mean() - trials.out_scores.mean()
    assert gap > 2 * np.hypot(trials.in_scores.std(), trials.out_scores.std()) / np.sqrt(30)


def test_what_was_proven_says_what_it_assumes():
    found = audit_worst_case("dpsgd", 30.0, RNG, delta=1e-5, steps=1, runs=20)
    assert 0 <= found.audited.low <= found.claimed
    assert found.claimed == pytest.approx(30.0, rel=0.01)
    assert "first and the last are seen" in found.assumes.replace("the first\n", "the first ")


def test_the_runs_are_as_many_as_it_takes():
    assert worst_case_pairs(1.0, 1e-5) > worst_case_pairs(10.0, 1e-5)
    assert worst_case_pairs(10.0, 1e-5) == worst_case.FEWEST_PAIRS
    with pytest.raises(OverheardError, match="there is dpsgd, edpsgd"):
        audit_worst_case("pate-gnmax", 1.0, RNG, delta=1e-5)
