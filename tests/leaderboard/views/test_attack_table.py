"""Attacks beside each other: a row an attack, a column a cohort, and the price of each."""

from __future__ import annotations

import json
import math

import pytest

from leaderboard.records.run_folder import write_record
from leaderboard.views.attack_table import KEYS, attack_table
from leaderboard.views.table import Format
from tests.leaderboard.views.test_table import measured, record


@pytest.fixture
def run(tmp_path):
    of_women = {"auc, gender female": measured(0.7)}
    loss = {"auc": measured(0.83), "tpr_at_1pct_fpr": measured(0.2)}
    none = {"membership": loss | of_women, "membership-lira": {"auc": measured(0.97)}}
    none["canary"] = {"exposure": measured(2.0)}
    seconds = {"training": 50.0, "membership": 2.0}
    write_record(
        record("rnnt-none-seed0", math.inf, 0.0, 0.1, leakages=none, seconds=seconds), tmp_path
    )
    write_record(record("rnnt-dpsgd-eps10-seed0", 9.98, 0.55, 0.4), tmp_path)
    return tmp_path


def test_a_row_is_an_attack_that_ranks_on_one_record(run):
    rows = json.loads(attack_table(run, Format.JSON))
    assert [(row["scheme"], row["attack"]) for row in rows] == [
        ("none", "membership"),
        ("none", "membership-lira"),
        ("dpsgd", "membership"),
        ("dpsgd", "inversion-restoration"),
    ]
    assert set(KEYS) < set(rows[0])
    assert rows[0]["auc"]["value"] == 0.83
    assert rows[0]["tpr_at_1pct_fpr"]["value"] == 0.2
    assert rows[1]["tpr_at_1pct_fpr"]["value"] is None
    assert [row["auc, gender female"]["value"] for row in rows] == [0.7, None, None, None]
    assert [row["cost"] for row in rows] == [0.04, None, None, None]


def test_what_is_not_measured_is_a_dash(run):
    lira = next(x for x in attack_table(run, Format.MARKDOWN).splitlines() if "-lira" in x)
    assert lira.count(" - ") == 6  # ε, both rates, the accuracy, the cohort and the cost
