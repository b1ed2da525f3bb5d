"""`overheard list`: a line on everything there is of a kind."""

from __future__ import annotations

import json

import pytest

from attacks.registry import ATTACKS
from leaderboard.commands.list import Form, Kind, list_
from leaderboard.spec.load import built_in_suites


@pytest.mark.parametrize("kind", Kind)
def test_everything_has_a_name_and_a_line(kind, capsys):
    list_(kind, Form.JSON)
    rows = json.loads(capsys.readouterr().out)
    assert len({row["name"] for row in rows}) == len(rows) > 2
    assert all(row["summary"] for row in rows)
    list_(kind, Form.TEXT)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(rows) + 2  # headers and a rule
    for row in rows:
        assert any(line.startswith(f"{row['name']} ") for line in lines)


def test_what_is_listed_is_what_there_is(capsys):
    list_(Kind.ATTACKS, Form.JSON)
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert tuple(rows) == ATTACKS.names()
    assert rows["membership-gradient"]["access"] == "weights"
    list_(Kind.SUITES, Form.JSON)
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(built_in_suites())
