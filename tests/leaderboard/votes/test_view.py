"""The table of votes, in text and for machines."""

from __future__ import annotations

import json
from pathlib import Path

from leaderboard.manual.tables import published
from leaderboard.views.table import Format
from leaderboard.votes.view import FOOTER, KEYS, PARTS, votes_table
from tests.leaderboard.votes.runs import write_run


def test_text_has_three_tables_and_says_what_is_missing(tmp_path):
    text = votes_table([write_run(tmp_path, keep=False)], Format.TEXT)
    for title in PARTS:
        assert title in text
    assert FOOTER in text
    assert "No figure for agreement, lead, decided" in text
    assert "No figure for public %, less public: no row public" in text


def test_markdown_is_tables_alone(tmp_path):
    text = votes_table([write_run(tmp_path)], Format.MARKDOWN, seeds=True)
    assert text.count("|---") >= len(PARTS)
    assert FOOTER not in text
    first = next(line for line in text.splitlines() if line.startswith("| rnnt"))
    assert [cell.strip() for cell in first.split("|")][1:7] == [
        "rnnt", "pate-gnmax", "0", "1", "10", "3",
    ]  # fmt: skip


def test_json_has_one_row_a_cell(tmp_path):
    run = write_run(tmp_path)
    rows = json.loads(votes_table([run, run], Format.JSON))
    assert len(rows) == 4
    assert list(rows[0]) == ["suite", *KEYS, "seeds"]
    assert rows[0]["agreement"]["value"] > 0.7
    assert rows[0]["wer_labels"]["value"] is None


def test_the_page_shows_what_the_published_records_say():
    page = (Path(__file__).parents[3] / "docs" / "votes.md").read_text(encoding="utf-8")
    shown = page.split("<!-- votes: schemes, rnnt -->\n")[1].split("<!-- end -->")[0]
    assert shown.strip() == votes_table([published("schemes")], Format.MARKDOWN, target="rnnt")
