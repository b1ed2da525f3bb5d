"""`overheard list`: a line on everything there is of a kind."""

from __future__ import annotations

import json

import pytest

from attacks.registry import ATTACKS
from leaderboard.commands.list import Form, Kind, list_
from leaderboard.spec.load import built_in_suites
from targets.core.errors import OverheardError
from targets.models.registry import TargetEntry


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


def test_targets_say_how_many_weights_they_have_and_what_they_can_do(capsys):
    list_(Kind.TARGETS, Form.JSON)
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["ctc"]["weights"] == rows["ctc"]["trained"] == 351_965
    assert 0 < rows["rnnt-adapters"]["trained"] < 0.03 * rows["rnnt-adapters"]["weights"]
    assert rows["whisper"]["weights"] is None
    assert rows["whisper"]["step"] is None  # its size is that of its checkpoint
    assert rows["conformer"]["step"] > rows["ctc"]["step"] == 1
    can = {name: row["can"] for name, row in rows.items()}
    assert can["ctc"] == []
    assert can["rnnt"] == ["language model"]
    assert can["convrnnt"] == ["streaming", "language model"]
    assert can["amortized"] == ["streaming", "language model", "skips blocks"]
    assert can["multitalker"] == ["language model", "turns"]
    assert can["rnnt-adapters"] == ["language model", "adapters"]
    assert can["whisper"] == ["language model", "adapters"]
    list_(Kind.TARGETS, Form.TEXT)
    shown = capsys.readouterr()
    assert "351,965" in shown.out
    assert "128 channels" in shown.err
    ctc = next(line for line in shown.out.splitlines() if line.startswith("ctc "))
    assert ctc.split()[3] == "1.0"


def test_attacks_that_do_not_apply_to_a_target_say_why(capsys):
    list_(Kind.ATTACKS, Form.JSON, "convrnnt")
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert tuple(rows) == ATTACKS.names()
    assert [name for name, row in rows.items() if not row["applies"]] == [
        "membership-compute",
        "membership-compute-calibrated",
    ]
    assert rows["membership-compute"]["reason"] == "the target's compute is that of any input"
    assert rows["canary-language-model"]["reason"] is None


def test_what_does_not_apply_is_asked_of_targets_that_can_be_built_and_of_attacks():
    with pytest.raises(OverheardError, match="begins at a checkpoint"):
        list_(Kind.ATTACKS, Form.TEXT, "whisper")
    with pytest.raises(OverheardError, match="is for attacks; schemes do not"):
        list_(Kind.SCHEMES, Form.TEXT, "ctc")


def test_a_target_that_cannot_be_imported_is_listed(monkeypatch, capsys):
    broken = TargetEntry(name="broken", path="nowhere:Nothing", summary="of no package")
    monkeypatch.setattr("leaderboard.commands.list.TARGETS", [broken])
    list_(Kind.TARGETS, Form.TEXT)
    assert capsys.readouterr().out.splitlines()[2].split()[:4] == ["broken", "-", "-", "-"]
