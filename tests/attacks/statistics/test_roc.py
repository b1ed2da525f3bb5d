"""The ROC curve: known curves, and the area that the ranking statistics and the records have."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.statistics.evidence import Trials
from attacks.statistics.ranking import auc
from attacks.statistics.roc import roc
from leaderboard.site.build import published_runs
from leaderboard.site.entries import read_entries
from leaderboard.site.entry import curves


def area(false_positive, true_positive) -> float:
    return float(np.trapezoid(true_positive, false_positive))


def points(inside, outside) -> list[tuple[float, float]]:
    curve = roc(np.array(inside, dtype=float), np.array(outside, dtype=float))
    return list(zip(*(rate.tolist() for rate in curve), strict=True))


def test_curves_that_are_known():
    assert points([3, 4], [1, 2]) == [(0, 0), (0, 1), (1, 1)]
    assert points([1, 2], [3, 4]) == [(0, 0), (1, 0), (1, 1)]
    assert points([1, 1], [1, 1, 1]) == [(0, 0), (1, 1)]
    assert points([4, 2], [3, 1]) == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]
    assert points([2, 1, 1], [1, 0]) == [(0, 0), (0, 1 / 3), (0.5, 1), (1, 1)]


@pytest.mark.parametrize("levels", [3, 1000])
def test_its_area_is_the_auc_with_and_without_ties(levels):
    rng = np.random.default_rng(levels)
    inside = np.floor(levels * rng.beta(3, 2, size=80))
    outside = np.floor(levels * rng.beta(2, 3, size=50))
    trials = Trials(inside, outside, "utterance", "one_run")
    curve = roc(inside, outside)
    assert area(*curve) == pytest.approx(auc(trials).value, abs=1e-12)
    assert all((np.diff(rate) >= 0).all() for rate in curve)


@pytest.mark.slow
def test_the_curves_on_the_page_have_the_auc_of_the_records():
    for entry in read_entries(published_runs())[::3]:
        leakages = entry.record.leakages
        ranked = {attack for attack, figures in leakages.items() if figures["auc"].scored}
        by_speaker = entry.record.cell.conditions.unit == "speaker"
        drawn = curves(entry)
        assert set(drawn) == (set() if by_speaker else ranked)
        for attack, curve in drawn.items():
            assert area(*curve) == pytest.approx(leakages[attack]["auc"].value, abs=1e-5)
