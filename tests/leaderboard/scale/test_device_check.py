"""The script: a table, a record, and an exit code that tells whether all held."""

from __future__ import annotations

import json
import math

import pytest
import torch

from leaderboard.scale import device_check
from leaderboard.scale.checks import Row
from leaderboard.scale.device_check import cut, end_to_end, main
from leaderboard.spec.load import parse_suite

HELD = Row("losses of ctc", "1e-7 off", "at most 0.001", True, 1e-7)
MEASURED = Row("edpsgd / plain", "1.30", "", None, math.nan)
BROKEN = Row("norms of ctc", "0.1 off", "at most 0.001", False, 0.1)


@pytest.mark.parametrize(("rows", "code"), [([HELD, MEASURED], 0), ([HELD, BROKEN], 1)])
def test_what_was_found_is_printed_and_kept(rows, code, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(device_check, "checks", lambda *_: iter(rows[:1]))
    monkeypatch.setattr(device_check, "throughput", lambda *_: iter(rows[1:]))
    out = tmp_path / "deep" / "found.json"
    assert main(["--device", "cpu", "--suite", "none", "--out", str(out)]) == code
    printed = capsys.readouterr().out
    assert all(row.name in printed for row in rows)
    assert ("FAILED" in printed) == bool(code)
    assert "no accelerator was checked" in printed
    kept = json.loads(out.read_text())
    assert kept["passed"] == (code == 0)
    assert [row["name"] for row in kept["checks"]] == [row.name for row in rows]
    assert [p.name for p in out.parent.iterdir()] == ["found.json"]
    if MEASURED in rows:
        assert kept["checks"][1]["figure"] is None


def test_a_device_that_is_not_there_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["--device", "cuda"]) == 2
    assert "device cuda: this machine has no CUDA device" in capsys.readouterr().err


@pytest.mark.parametrize("suite", ["tiny", "quick"])
def test_the_cut_of_a_suite_is_a_suite(suite):
    found = parse_suite("cut.toml", cut(suite))
    assert [cell.scheme for cell in found.cells()] == ["none", "edpsgd"]
    assert found.training.epochs == 2
    assert all(one.utterances <= 400 for one in found.speech.named.values())
    # So few members that a batch of the usual size would be refused.
    assert found.schemes[1].options["batch_size"] <= found.speech.private.utterances / 2


def test_a_run_that_fails_or_does_not_end_is_told(monkeypatch):
    monkeypatch.setattr(device_check, "cut", lambda _: "name = 3")
    found = end_to_end("quick", "cpu", 60.0)
    assert found.passed is False
    assert "cut.toml" in found.found
    late = end_to_end("quick", "cpu", 0.001)
    assert (late.passed, late.found) == (False, "not done after 0 s")


@pytest.mark.slow
def test_a_cut_runs_end_to_end():
    assert end_to_end("tiny", "cpu", 400.0).passed
