"""Models that others trained, beside the rows of a run: their figures, their dashes, their game."""

from __future__ import annotations

import csv
import io
import json
import math
import re

import pytest
from typer.testing import CliRunner

from leaderboard import cli
from leaderboard.records.model_audit import FILE, read_model_audit
from leaderboard.records.run_folder import write_record
from leaderboard.views.compare import compare
from leaderboard.views.compare_plot import draw
from leaderboard.views.controls import COLUMNS
from leaderboard.views.model_rows import NOTE, SUITE, model_rows
from leaderboard.views.table import KEYS, Format, table
from targets.core.errors import OverheardError
from tests.leaderboard.records.test_model_audit import BOUND, look, report
from tests.leaderboard.views.test_table import record


@pytest.fixture
def places(tmp_path):
    run = tmp_path / "run"
    write_record(record("rnnt-none-seed0", math.inf, 0.83, 0.1), run)
    write_record(record("rnnt-dpsgd-eps10-seed0", 9.98, 0.55, 0.4), run)
    return run, report(tmp_path / "mine")


def told(*words):
    done = CliRunner().invoke(cli.app, [*map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_the_table_shows_a_model_below_the_run(places):
    text = told("table", *places)
    row = next(line for line in text.splitlines() if line.startswith(SUITE))
    cells = re.split(r"\s{2,}", row.strip())
    assert cells[1:8] == [
        "calls v2", "trained elsewhere", "-", "utterance", "2", "1e-05", "30.0 [20.0, 40.0]"
    ]  # fmt: skip
    assert "0.70 [0.60, 0.80]" in row
    assert "1.10 [0.90, 1.30]" in row
    assert "1.50 [1.50, ∞)" in row
    assert NOTE in text
    assert "look 1" not in text
    # The rows of the run are what they are without it.
    alone = told("table", places[0])
    assert NOTE not in alone
    for line in alone.splitlines()[2:4]:
        assert line.split() == next(r for r in text.splitlines() if line[:20] in r).split()[1:]


def test_a_report_alone_is_a_table(places):
    rows = json.loads(told("table", places[1], "--format", "json"))
    assert [row["target"] for row in rows] == ["calls v2"]
    assert rows[0]["audited_epsilon"]["ceiling"] == 4.0
    assert rows[0]["inversion-restoration"]["method"].startswith("unscored: ")
    assert rows[0]["membership_attack"] == "loss"
    assert rows[0]["status"] == "ok"


@pytest.mark.parametrize("form", [Format.CSV, Format.JSON, Format.LATEX, Format.MARKDOWN])
def test_every_format_says_that_it_is_another_game(places, form):
    models = [read_model_audit(places[1] / FILE)]
    assert table(places[0], form, models=models).count(SUITE) == 1
    assert compare([places[0]], form, models=models).count(SUITE) == 1


def test_every_column_is_there(places):
    (row,) = model_rows([read_model_audit(places[1] / FILE)])
    assert row.keys() >= {"suite", *KEYS}
    text = compare([places[0]], Format.CSV, models=[read_model_audit(places[1] / FILE)])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[-1]["suite"] == SUITE
    assert float(rows[-1]["ratio"]) == 0.75
    assert {key for key in rows[0] if key in COLUMNS}


def test_a_comparison_correlates_runs_alone(places):
    with_it = told("compare", *places)
    without = told("compare", places[0])
    assert "calls v2" in with_it
    assert with_it.count("calls v2") == 1
    _, _, after = without.partition("Spearman")
    assert with_it.endswith(after)
    alone = told("compare", places[1])
    assert "calls v2" in alone
    assert "Spearman" not in alone
    with pytest.raises(OverheardError, match="the picture is of runs"):
        draw([], places[0] / "x.png")


def test_looks_are_told(places):
    false = look(bound=BOUND | {"value": 3.0, "low": 3.0}, verdict="falsified")
    report(places[1], looks=[false, look()], look=2)
    text = told("table", *places)
    assert "calls v2: look 2 of 2; of 2 bounds of 95 %" in text
    row = next(line for line in text.splitlines() if line.startswith(SUITE))
    assert row.endswith("falsified")


def test_two_runs_are_no_table(places):
    with pytest.raises(OverheardError, match="`overheard compare` takes several"):
        told("table", places[0], places[0])
