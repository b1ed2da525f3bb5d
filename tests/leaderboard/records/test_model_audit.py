"""Audits of models that others trained, as tables read them; each fault is one line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from leaderboard import cli
from leaderboard.records.merge import merge_runs
from leaderboard.records.model_audit import (
    FILE,
    LISTS,
    LONGEST,
    Look,
    of_looks,
    read_model_audit,
    runs_and_audits,
    shown,
)
from leaderboard.records.numbers import estimate_to_json
from leaderboard.records.run_folder import read_record, read_records, write_record
from leaderboard.records.store import RecordError, write_digested
from targets.core.estimate import Estimate
from tests.leaderboard.views.test_table import record


def estimate(value: float, low: float, high: float | str, **changes: Any) -> dict[str, Any]:
    plain = {"value": value, "low": low, "high": high, "level": 0.95, "method": "m"}
    return {**plain, "ceiling": None, **changes}


NOT = estimate_to_json(Estimate.unscored("not measured"))
BOUND = estimate(1.5, 1.5, "inf", ceiling=4.0, method="one-run")


def look(**changes: Any) -> dict[str, Any]:
    plain = {"made": "2026-01-01", "attack": "loss", "base": None, "references": [], "asked": 40}
    plain |= {"answered": 39, "noise": "any", "delta": 1e-5, "claimed_epsilon": 2.0}
    return plain | {"scores": "ab" * 32, "bound": BOUND, "verdict": "consistent"} | changes


def content(**changes: Any) -> dict[str, Any]:
    """Return what `overheard audit-model` writes, with more than tables read."""
    ranked = {"members": 20, "held_out": 20, "auc": estimate(0.7, 0.6, 0.8), "curve": [[0, 0]]}
    ranked |= {"tpr_at_1pct_fpr": estimate(0.2, 0.1, 0.3), "tpr_at_01pct_fpr": NOT}
    everyone = ranked | {"auc": estimate(0.9, 0.8, 1.0)}
    whole = {
        "schema_version": 1,
        "kind": "model audit",
        "overheard": "0.2.0",
        "name": "calls v2",
        "scheme": "trained elsewhere",
        "design": "one_run",
        "planted": "cd" * 32,
        "unit": "utterance",
        "candidates": 50,
        "asked": 40,
        "model": {"name": "hf:tuned", "kind": "seq2seq", "digest": None, "cannot": {}},
        "base": None,
        "delta": 1e-5,
        "noise": "any",
        "claimed_epsilon": 2.0,
        "attack": "loss",
        "bound": BOUND,
        "together": BOUND,
        "verdict": "consistent",
        "rankings": {"loss": {"all candidates": everyone, "utterances": ranked}},
        "exposure": estimate(1.1, 0.9, 1.3, ceiling=4.0),
        "wer": {"members": estimate(0.1, 0.0, 0.2), "held out": estimate(0.3, 0.2, 0.4)},
        "looks": [look()],
        "look": 1,
    }
    return whole | changes


def report(folder: Path, **changes: Any) -> Path:
    """Write the folder of a report, as `overheard audit-model` leaves it."""
    write_digested(content(**changes), folder / FILE)
    (folder / "answers.jsonl").write_text("{}\n")
    return folder


def test_an_audit_is_read_back(tmp_path):
    found = read_model_audit(report(tmp_path) / FILE)
    assert (found.name, found.claimed_epsilon, found.status) == ("calls v2", 2.0, "ok")
    assert found.membership.value == 0.7  # of speech, where there is any
    assert found.wer_held_out.value == 0.3
    assert found.bound.ceiling == 4.0
    assert found.looks == (Look.model_validate_json(json.dumps(look())),)


def test_lists_show_no_figure_of_an_attack(tmp_path):
    whole = {"design": "observational", "looks": [], "look": 0, "verdict": "nothing claimed"}
    found = read_model_audit(report(tmp_path, **whole) / FILE)
    assert found.membership.method == f"unscored: {LISTS}"
    assert found.status == "ok"


@pytest.mark.parametrize(
    ("looks", "status"),
    [
        ([{"bound": BOUND | {"low": 3.0, "value": 3.0}}], "falsified"),
        ([{"bound": BOUND | {"low": 3.0, "value": 3.0}, "noise": "gaussian"}], "ok"),
        ([{"bound": BOUND | {"low": 3.0, "value": 3.0}, "delta": 1e-3}], "ok"),
        ([{"claimed_epsilon": 1.0, "verdict": "falsified"}], "ok"),
    ],
)
def test_a_later_look_takes_no_verdict_back(tmp_path, looks, status):
    every = [*(look(**changes) for changes in looks), look()]
    assert read_model_audit(report(tmp_path, looks=every, look=2) / FILE).status == status


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "model"}, "is no audit of a model; give the folder of a run"),
        ({"schema_version": 2}, "schema version 2, this code reads 1"),
        ({"bound": {"value": 1.0}}, "bound: Value error, should be an object with"),
        ({"bound": NOT | {"value": "many"}}, "should be a number"),
        ({"claimed_epsilon": -1.0}, "claimed_epsilon: "),
        ({"claimed_epsilon": "2"}, "claimed_epsilon: "),
        ({"delta": 2.0}, "delta: "),
        ({"unit": "word"}, "unit: "),
        ({"name": "\x1b[2J"}, "name: Value error, should be one line"),
        ({"verdict": "a\nb"}, "verdict: Value error, should be one line"),
        ({"look": 2}, "look 2 of 1 cannot be"),
        ({"looks": []}, "look 1 of 0 cannot be"),
        ({"looks": [look(why="x")]}, "looks.0.why: "),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, changes, says):
    with pytest.raises(RecordError, match=says) as caught:
        read_model_audit(report(tmp_path, **changes) / FILE)
    assert str(tmp_path / FILE) in str(caught.value)
    assert str(caught.value).isprintable()


def test_an_edited_audit_is_refused(tmp_path):
    path = report(tmp_path) / FILE
    path.write_text(path.read_text().replace('"claimed_epsilon": 2.0', '"claimed_epsilon": 9.0'))
    with pytest.raises(RecordError, match="does not match its digest"):
        read_model_audit(path)


def test_runs_and_reports_are_told_apart(tmp_path):
    run, mine = tmp_path / "run", report(tmp_path / "mine")
    write_record(record("rnnt-none-seed0", math.inf, 0.83, 0.1), run)
    runs, audits = runs_and_audits([run, mine, mine / FILE])
    assert runs == [run]
    assert [audit.name for audit in audits] == ["calls v2"] * 2
    report(run)  # the audit was told to write where a run is: both are shown
    runs, audits = runs_and_audits([run])
    assert (runs, len(audits)) == ([run], 1)
    with pytest.raises(RecordError, match="nowhere: no such folder"):
        read_records(runs_and_audits([tmp_path / "nowhere"])[0][0])


def test_no_audit_is_taken_for_a_record(tmp_path, monkeypatch, capsys):
    mine = report(tmp_path / "mine")
    says = "is the audit of a model that others trained, and no record of a suite"
    with pytest.raises(RecordError, match=says):
        read_record(mine / FILE)
    with pytest.raises(RecordError, match=says):
        merge_runs([mine], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr("sys.argv", ["overheard", "verify", str(mine / FILE)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    assert says in capsys.readouterr().err


def test_names_are_made_fit_for_a_line():
    assert shown("a\nb\x1b") == "a?b?"
    assert shown("") == "?"
    assert len(shown("a" * 5000)) == LONGEST


def test_many_looks_leave_nothing():
    assert of_looks(2).endswith("one may err 10 % of the time")
    assert of_looks(20).endswith("nothing is sure any more")
