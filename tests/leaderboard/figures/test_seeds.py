"""A cell over its seeds: which records belong together, and what they say together."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.figures.seeds import each_seed, over_seeds
from leaderboard.records.record import failed_record
from targets.core.estimate import Estimate
from tests.leaderboard.figures.making import cell, row
from tests.leaderboard.views.test_table import measured

ROWS = [row("dpsgd", 10.0, seed, rate=0.3 + 0.02 * seed) for seed in (2, 0, 1)]


def test_records_that_differ_in_the_seed_alone_are_one_cell():
    others = [
        row("dpsgd", 1.0, 0),
        row("public", seed=0),
        row("dpsgd", 10.0, 3, cell=cell("dpsgd", 10.0, 3, options={"epochs": 9})),
        row("dpsgd", 10.0, 4, cell=cell("dpsgd", 10.0, 4, label="mine")),
    ]
    found = over_seeds([*ROWS, *others])
    assert [c.seeds for c in found] == [[0, 1, 2], [0], [0], [3], [4]]
    assert [len(c.records) for c in each_seed([*ROWS, *others])] == [1] * 7


def test_of_one_seed_the_figures_are_the_records():
    (one,) = over_seeds(ROWS[:1])
    assert one.wer() is ROWS[0].wer
    assert one.headline("membership") is ROWS[0].leakages["membership"]["auc"]
    assert one.bound(lambda r: r.audited_epsilon) is ROWS[0].audited_epsilon


def test_word_errors_over_seeds_hold_speakers_and_seeds():
    (one,) = over_seeds(ROWS)
    found = one.wer()
    assert found.value == pytest.approx(np.mean([r.wer.value for r in ROWS]))
    assert "8 speakers and 3 seeds" in found.method
    (old,) = over_seeds([r.model_copy(update={"word_errors": {}}) for r in ROWS])
    kept = old.wer()
    assert kept.value == pytest.approx(found.value)
    # The same speakers in every seed: no narrower than what one seed says.
    assert kept.high - kept.low >= 0.1


def test_the_largest_attack_is_one_for_all_seeds():
    aucs = [(0.55, 0.6), (0.7, 0.6), (0.5, 0.6)]
    rows = [
        row(
            "dpsgd",
            10.0,
            seed,
            leakages={"membership": {"auc": measured(a)}, "membership-lira": {"auc": measured(b)}},
        )
        for seed, (a, b) in enumerate(aucs)
    ]
    (one,) = over_seeds(rows)
    assert one.headline("membership").value == pytest.approx(0.6)
    assert "membership-lira, largest of 2" in one.headline("membership").method


def test_what_failed_counts_in_nothing_but_the_status():
    failed = failed_record(cell("dpsgd", 10.0, 9), "no memory")
    (one,) = over_seeds([*ROWS, failed])
    assert one.wer().value == pytest.approx(np.mean([r.wer.value for r in ROWS]))
    assert one.status(lambda r: r.status) == "failed"
    (alone,) = over_seeds([failed])
    assert alone.wer().method == "unscored: failed: no memory"
    assert alone.headline("membership").method == "unscored: failed: no memory"


def test_bounds_hold_together():
    rows = [
        r.model_copy(update={"audited_epsilon": Estimate(b, b, np.inf, 0.95, "one-run", 5.0)})
        for r, b in zip(ROWS, (0.5, 9.0, 0.7), strict=True)
    ]
    (one,) = over_seeds(rows)
    assert one.bound(lambda r: r.audited_epsilon).low == 0.7
