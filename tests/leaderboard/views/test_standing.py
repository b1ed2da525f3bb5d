"""Where an entry stands: Pareto fronts and neighbours, on entries placed by hand."""

from __future__ import annotations

import math

import pytest

from leaderboard.records.record import failed_record
from leaderboard.views.standing import Place, beaten_by, nearest, places, standing
from tests.leaderboard.figures.making import row
from tests.leaderboard.views.test_table import CELLS, record


def place(name: str, wer: float, leakage: float, epsilon: float, target: str = "rnnt") -> Place:
    return Place(name, target, wer, leakage, epsilon)


FREE = place("free", 0.1, 0.9, math.inf)
TEN = place("ten", 0.3, 0.6, 10)
ONE = place("one", 0.5, 0.5, 1)
WORSE = place("worse", 0.6, 0.7, 10)
OTHER = place("other", 0.0, 0.5, 0.1, target="ctc")
EVERY = [FREE, TEN, ONE, WORSE, OTHER]


@pytest.mark.parametrize("axis", ["epsilon", "leakage"])
def test_the_front(axis):
    assert [p.id for p in EVERY if not beaten_by(p, EVERY, axis)] == ["free", "ten", "one", "other"]
    assert [p.id for p in beaten_by(WORSE, EVERY, axis)] == ["ten", "one"]


def test_an_equal_beats_nobody():
    twin = place("twin", 0.3, 0.6, 10)
    assert beaten_by(TEN, [TEN, twin], "epsilon") == []


def test_neighbours_are_of_the_same_target_and_not_oneself():
    near = nearest(place("mine", 0.32, 0.62, 9), EVERY)
    assert [p.id for p in near] == ["ten", "worse", "one"]
    assert nearest(OTHER, EVERY) == []


def test_it_is_told_in_lines():
    records = [
        record("rnnt-none-seed0", math.inf, 0.9, 0.1),
        record("rnnt-dpsgd-eps10-seed0", 10.0, 0.6, 0.3),
        record("rnnt-pate-gnmax-eps10-seed0", 10.0, 0.7, 0.6),
        failed_record(CELLS["rnnt-dpsgd-eps1-seed0"], "it raised OSError"),
    ]
    assert len(places(records)) == 3
    lines = standing(records, {"rnnt-pate-gnmax-eps10-seed0", "rnnt-dpsgd-eps1-seed0"})
    assert lines == [
        "rnnt-pate-gnmax-eps10-seed0 (WER 60.0 %, AUC 0.70, ε 10), cannot tell: "
        "ceiling below the claim",
        "  audited ε 0.70 [0.70, ∞)",
        "  WER less public: - (no row public beside it)",
        "  WER less start: - (no row start beside it)",
        "  WER against ε: behind rnnt-dpsgd-eps10-seed0 (WER 30.0 %, AUC 0.60, ε 10)",
        "  WER against AUC: behind rnnt-dpsgd-eps10-seed0 (WER 30.0 %, AUC 0.60, ε 10)",
        "  near: rnnt-dpsgd-eps10-seed0 (WER 30.0 %, AUC 0.60, ε 10)",
        "  near: rnnt-none-seed0 (WER 10.0 %, AUC 0.90, no ε)",
        "rnnt-dpsgd-eps1-seed0: failed: it raised OSError",
    ]
    first = standing(records, {"rnnt-none-seed0"})
    assert "  WER against ε: on the Pareto front" in first


def test_it_stands_beside_its_controls_seed_by_seed_and_over_all():
    seeds = (0, 1, 2)
    controls = [row(s, seed=n, rate=0.4) for n in seeds for s in ("public", "start")]
    mine = [row("dpsgd", 10.0, n, rate=0.3) for n in seeds]
    lines = standing([*controls, *mine], {r.cell.id for r in mine})
    less = [line for line in lines if line.startswith("  WER less public: -")]
    assert len(less) == len(seeds) + 1
    (summary,) = [line for line in lines if "3 seeds" in line]
    assert summary.startswith("rnnt dpsgd, ε 10, 3 seeds: WER ")
    assert lines[lines.index(summary) + 1] == less[-1]
    assert lines[lines.index(summary) + 2].startswith("  WER less start: ")
    # Better than without private speech, beyond seeds and speakers.
    assert all("[-" in line and ", -" in line for line in less)
