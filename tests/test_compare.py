"""The comparison: ratios, and a rank correlation against scipy's."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from leaderboard.compare import compare, comparison, correlation, spearman
from leaderboard.record import write_record
from leaderboard.table import Format
from targets.estimate import Estimate
from tests.test_table import record

NAMES = [f"rnnt-{scheme}-eps{e}-seed0" for scheme in ("dpsgd", "pate-gnmax") for e in (1, 10)]


@pytest.fixture
def run(tmp_path):
    write_record(record("rnnt-none-seed0", math.inf, 0.83, 0.1), tmp_path)
    for name, auc in zip(NAMES, (0.5, 0.61, 0.52, 0.6), strict=True):
        epsilon = 10.0 if "eps10" in name else 1.0
        write_record(record(name, epsilon, auc, 0.4), tmp_path)
    return tmp_path


def test_the_ratio_is_of_audited_to_claimed(run):
    rows = json.loads(compare(run, Format.JSON))
    assert rows[0]["epsilon"] is None
    assert rows[0]["ratio"] is None
    assert rows[1]["epsilon"] == 1.0
    assert rows[1]["ratio"] == pytest.approx(0.7)
    assert rows[2]["ratio"] == pytest.approx(0.07)
    assert rows[1]["ceiling"] == 4.9
    assert rows[1]["audited_epsilon"]["high"] == "inf"


def test_an_unscored_audit_has_no_ratio():
    (row,) = comparison(
        [record(NAMES[0], 1.0, 0.5, 0.4, audited_epsilon=Estimate.unscored("no coins"))]
    )
    assert row["ratio"] is None
    assert row["ceiling"] is None


def test_text_ends_with_correlations(run):
    lines = compare(run, Format.TEXT).splitlines()
    assert lines[-3].startswith("rank correlation of claimed ε and membership AUC: +0.89 [")
    assert lines[-2].endswith("unscored: all values are equal")
    assert "unscored: 0 cells" in lines[-1]
    for form in (Format.CSV, Format.LATEX, Format.MARKDOWN):
        assert "rank correlation" not in compare(run, form)


def test_too_few_cells_are_said_to_be_too_few():
    rows = comparison([record(name, 1.0, 0.5, 0.4) for name in NAMES[:3]])
    assert correlation(rows, "membership").method.startswith("unscored: 3 cells")


def test_spearman_agrees_with_scipy_also_on_ties():
    rng = np.random.default_rng(0)
    for n in (4, 7, 30):
        x, y = rng.integers(0, 4, n).astype(float), rng.normal(size=n)
        x[:2] = 0, 1
        assert spearman(x, y).value == pytest.approx(spearmanr(x, y).statistic)


def test_a_perfect_order_of_four_is_weak_evidence():
    four = spearman(np.arange(4.0), np.arange(4.0))
    assert four.value == 1.0
    assert four.low < 0.5
    assert four.high == 1.0
    forty = spearman(np.arange(40.0), -np.arange(40.0))
    assert forty.value == -1.0
    assert forty.high < -0.9


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    rho = 0.5
    truth = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's ρ of a bivariate normal
    inside = 0
    for _ in range(400):
        x = rng.normal(size=25)
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=25)
        found = spearman(x, y)
        inside += found.low <= truth <= found.high
    # 95 % less three standard errors, and the approximation's own error.
    assert inside / 400 > 0.91
