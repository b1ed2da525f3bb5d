"""The table of cohorts: its keys, its two parts, and what it says where nobody is known."""

from __future__ import annotations

import json

import pytest

from leaderboard.cohorts.table import HEADERS, KEYS, PARTS, cohort_table
from leaderboard.records.run_folder import write_record
from leaderboard.views.table import Format
from targets.core.errors import OverheardError
from tests.leaderboard.cohorts.test_figures import SAID
from tests.leaderboard.figures.making import row


@pytest.fixture
def run(tmp_path):
    for scheme, epsilon in (("none", None), ("dpsgd", 10)):
        write_record(row(scheme, epsilon, cohorts=SAID), tmp_path)
    return tmp_path


def test_a_row_is_a_cohort_of_a_cell(run):
    rows = json.loads(cohort_table([run], Format.JSON))
    assert [(r["scheme"], r["cohort"]) for r in rows] == [
        (scheme, cohort)
        for scheme in ("none", "dpsgd")
        for cohort in ("accent en", "gender female", "gender male")
    ]
    assert set(rows[0]) == {*KEYS, "seeds"}
    assert {r["attack"] for r in rows} == {"membership"}


def test_the_text_has_both_parts_and_explains_its_columns(run):
    text = cohort_table([run], Format.TEXT)
    for title, keys in PARTS.items():
        assert title in text
        assert all(HEADERS.get(key, key) in text for key in keys)
    assert "corrected for all cohorts of" in text
    assert "at least as large" in text
    assert "| cohort" in cohort_table([run], Format.MARKDOWN)


def test_two_folders_are_told_apart(run):
    assert cohort_table([run, run], Format.CSV).startswith("suite,")


def test_records_that_know_nobody_are_refused(tmp_path):
    write_record(row("none"), tmp_path)
    with pytest.raises(OverheardError, match="which cohort a speaker belongs to"):
        cohort_table([tmp_path], Format.TEXT)
