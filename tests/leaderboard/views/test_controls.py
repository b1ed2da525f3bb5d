"""Rows beside their controls: in text, in JSON, over seeds and for each."""

from __future__ import annotations

import json

import pytest

from leaderboard.figures.paired import Beside
from leaderboard.figures.seeds import over_seeds
from leaderboard.records.run_folder import write_record
from leaderboard.views.compare import compare
from leaderboard.views.controls import COLUMNS, FOOTER, control_columns, controls_table
from leaderboard.views.table import Format
from tests.leaderboard.figures.making import row
from tests.leaderboard.views.test_table import measured

SEEDS = (0, 1, 2)
RECORDS = [
    row(scheme, epsilon, seed, rate=rate, leak=leak, auc_allowed=allowed)
    for seed in SEEDS
    for scheme, epsilon, rate, leak, allowed in (
        ("none", None, 0.1, 2.0, 1.0),
        ("dpsgd", 10.0, 0.3, 0.5, 0.9),
        ("public", None, 0.4, 0.0, 0.5),
        ("start", None, 0.45, 0.0, 0.5),
    )
]


@pytest.fixture
def run(tmp_path):
    for record in RECORDS:
        write_record(record, tmp_path)
    return tmp_path


def test_a_row_is_better_than_its_controls_and_leaks_more():
    (private,) = [c for c in over_seeds(RECORDS) if c.first.cell.scheme == "dpsgd"]
    found = control_columns(private, Beside.of(RECORDS))
    assert tuple(found) == COLUMNS
    assert found["wer_less_start"].value < found["wer_less_public"].value < 0
    assert found["wer_less_public"].high < 0
    assert found["membership_less_public"].low > 0
    assert found["auc_allowed"] == 0.9
    assert not found["canary_less_public"].scored


def test_the_difference_of_the_chosen_attack_has_its_level():
    both = {
        "membership": {"auc": measured(0.55)}, "membership-calibrated": {"auc": measured(0.6)},
    }  # fmt: skip
    records = [
        r.model_copy(
            update={
                "leakages": both,
                "scores": {
                    "membership": r.scores["membership"],
                    "membership-calibrated": {c: -s for c, s in r.scores["membership"].items()},
                },
            }
        )
        for r in RECORDS
    ]
    (private,) = [c for c in over_seeds(records) if c.first.cell.scheme == "dpsgd"]
    found = control_columns(private, Beside.of(records))["membership_less_public"]
    assert found.value < 0  # of the attack that was turned round, which is the larger here
    assert found.level == pytest.approx(0.975)


def test_every_format_of_the_comparison_holds_them(run):
    rows = json.loads(compare([run], Format.JSON))
    assert [r["scheme"] for r in rows] == ["none", "dpsgd", "public", "start"]
    private = rows[1]
    assert set(COLUMNS) <= set(private)
    assert private["seeds"] == list(SEEDS)
    assert private["wer_less_public"]["high"] < 0
    assert rows[2]["wer_less_public"]["method"] == "unscored: it is this control itself"
    assert len(json.loads(compare([run], Format.JSON, seeds=True))) == len(RECORDS)
    text = compare([run], Format.TEXT)
    assert FOOTER in text
    assert "WER less public" not in compare([run], Format.MARKDOWN)


def test_differences_are_in_points_and_the_allowed_area_is_a_number(run):
    lines = controls_table(run, Format.MARKDOWN).splitlines()
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in lines]
    private = dict(zip(cells[0], cells[3], strict=True))
    assert private["seeds"] == "3"
    assert private["WER less public"].startswith("-")
    assert float(private["WER less public"].split()[0]) < -5
    assert private["allowed AUC"] == "0.9"
    each = controls_table(run, Format.MARKDOWN, seeds=True).splitlines()
    assert len(each) == 2 + len(RECORDS)
    assert "| seed " in each[0]
