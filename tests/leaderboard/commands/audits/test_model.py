from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from leaderboard import cli
from leaderboard.commands.audits import model as command
from targets.core.errors import OverheardError
from tests.leaderboard.model_audit.fakes import Fake, game
from tests.leaderboard.model_audit.lists import lists


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """A planted game, and recognisers that are opened by a word."""
    planted = game(tmp_path, claimed_epsilon=0.25)
    made = {
        "leaky": lambda: Fake(planted.folder / "train"),
        "blank": lambda: Fake(name="blank"),
    }
    monkeypatch.setattr(command, "open_recogniser", lambda spec, _: made[spec]())
    return planted


def audit(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(cli.app, ["audit-model", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == code
    return done.output


def test_a_leak_is_told_by_exit_code_3(opened, tmp_path):
    out = tmp_path / "report"
    told = audit("leaky", "--planted", opened.folder, "--base", "blank", "--out", out, code=3)
    assert "The claim ε = 0.25 is falsified." in told
    assert "audited ε ≥" in told
    assert "relative loss: AUC 1.000 " in told or "relative loss: AUC 1.00 " in told
    assert "canaries, obscured, said 4×: secret written" in told
    record = json.loads((out / "audit.json").read_text())
    assert record["verdict"] == "falsified"
    assert record["version"] == 1
    assert record["bound"]["low"] > 0.25
    assert sum(kind["asked"] for kind in record["untargeted"]["sounds"]) == 38
    assert "where nobody speaks: 0 words beyond the base" in told
    assert "canaries, obscured, said 4×: within 1000 draws at even odds" in told
    assert "falsified" in (out / "report.html").read_text()
    assert (out / "answers.jsonl").exists()


def test_a_claim_on_the_command_line_counts(opened, tmp_path):
    told = audit(
        *("leaky", "--planted", opened.folder, "--out", tmp_path / "r", "--claimed-epsilon", 20),
        "--no-stimuli",
    )
    assert "this audit cannot tell: ceiling below the claim" in told
    assert "not run: what it writes when nobody speaks" in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--delta", "2"], "--delta is 2"),
        (["--claimed-epsilon", "nan"], "--claimed-epsilon is nan"),
    ],
)
def test_a_wrong_option_is_one_line(opened, words, says):
    with pytest.raises(OverheardError, match=says):
        audit("leaky", "--planted", opened.folder, *words)


def test_a_folder_that_was_not_planted_is_told(tmp_path):
    with pytest.raises(OverheardError, match="give a folder that `overheard plant` wrote"):
        audit("leaky", "--planted", tmp_path)


def test_lists_need_no_planted_folder(monkeypatch, tmp_path):
    members, others = lists(tmp_path / "l")
    monkeypatch.setattr(command, "open_recogniser", lambda *_: Fake(members))
    told = audit("m", "--members", members, "--held-out", others, "--out", tmp_path / "r")
    assert "Nobody tossed coins: no ε." in told
    assert "gain of loss over that:" in told
    assert "ε ≥" not in told


@pytest.mark.parametrize("words", [[], ["--members", "a.jsonl"]])
def test_lists_come_in_two(words):
    with pytest.raises(OverheardError, match="--planted, or both --members and --held-out"):
        audit("leaky", *words)


def test_an_adapter_is_of_the_model_alone(monkeypatch, tmp_path):
    planted, openings = game(tmp_path, canaries=False), {}

    def opened(spec, opening):
        openings[spec] = opening
        return Fake(name=spec)

    monkeypatch.setattr(command, "open_recogniser", opened)
    audit(
        *("tuned", "--planted", planted.folder, "--base", "bare", "--references", "other"),
        *("--adapter", tmp_path, "--key-from", "KEY", "--requests-a-minute", 30, "--limit", 10),
        *("--patience", 10, "--out", tmp_path / "r"),
    )
    assert openings["tuned"].adapter == tmp_path
    assert openings["bare"].adapter is openings["other"].adapter is None
    for opening in openings.values():
        assert (opening.key_from, opening.requests_a_minute) == ("KEY", 30.0)
        assert opening.patience == 8.0  # before the alarm around it rings


def test_an_infinite_claim_is_none(opened):
    with pytest.raises(OverheardError, match="--claimed-epsilon is inf"):
        audit("leaky", "--planted", opened.folder, "--claimed-epsilon", "inf")
