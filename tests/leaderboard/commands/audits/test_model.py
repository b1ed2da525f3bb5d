from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from leaderboard import cli
from leaderboard.commands.audits import model as command
from leaderboard.records.model_audit import read_model_audit
from targets.core.errors import OverheardError
from tests.leaderboard.model_audit.fakes import Fake, game
from tests.leaderboard.model_audit.lists import lists


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """A planted game, and recognisers that are opened by a word."""
    monkeypatch.setattr("leaderboard.model_audit.rules.speakers.REPLICATES", 50)
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
    assert record["schema_version"] == 1
    assert record["bound"]["low"] > 0.25
    assert sum(kind["asked"] for kind in record["untargeted"]["sounds"]) == 38
    assert "where nobody speaks: 0 words beyond the base" in told
    assert "canaries, obscured, said 4×, drawn 1000×: there at even odds" in told
    assert "falsified" in (out / "report.html").read_text()
    assert (out / "answers.jsonl").exists()


def test_only_models_that_lie_here_are_asked_by_several_processes(opened, tmp_path):
    with pytest.raises(OverheardError, match="--workers 2: only hf: models"):
        audit("leaky", "--planted", opened.folder, "--out", tmp_path / "r", "--workers", 2)


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
        (["--guesses", "1.5"], "--guesses is 1.5"),
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
    found = read_model_audit(tmp_path / "r" / "audit.json")
    assert (found.design, found.looks, found.status) == ("observational", (), "ok")
    assert not found.membership.scored


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


@pytest.mark.slow
def test_every_further_look_at_the_coins_is_kept_and_told(opened, tmp_path):
    out = tmp_path / "r"
    there = ("leaky", "--planted", opened.folder, "--out", out, "--no-stimuli")
    first = (*there, "--claimed-epsilon", 20)
    assert "This is look" not in audit(*first)
    once = (out / "audit.json").read_bytes()
    audit(*first)
    assert (out / "audit.json").read_bytes() == once  # no further look

    told = audit(*first, "--base", "blank")
    assert "This is look 2 of 2 at the same coins: of 2 bounds of 95 %" in told
    assert "one may err 10 % of the time" in told
    record = json.loads((out / "audit.json").read_text())
    assert [look["attack"] for look in record["looks"]] == ["loss", "relative loss"]
    assert [look["base"] for look in record["looks"]] == [None, "blank"]
    assert record["looks"][0]["bound"] == json.loads(once)["bound"]
    assert record["look"] == 2
    assert record["together"]["level"] == pytest.approx(0.975)
    assert record["together"]["low"] < record["bound"]["low"]
    assert "This is look 2 of 2" in (out / "report.html").read_text()

    assert "This is look 1 of 2" in audit(*first)
    for number, words in enumerate((["--limit", 30], ["--noise", "gaussian"]), 3):
        assert f"look {number} of {number}" in audit(*first, *words)
    assert "look 5 of 5" in audit(*there, "--claimed-epsilon", 0.1, code=3)
    assert "look 6 of 6" in audit(*first, "--guesses", 0.9)


def test_a_look_that_was_damaged_is_told(opened, tmp_path):
    first = ("leaky", "--planted", opened.folder, "--out", tmp_path / "r", "--claimed-epsilon", 20)
    audit(*first)
    answers = tmp_path / "r" / "answers.jsonl"
    answers.write_text(answers.read_text().replace('"asked": ', '"asked": "many", "was": '))
    with pytest.raises(OverheardError, match=r"answers.jsonl: .* name another --out"):
        audit(*first)


def test_a_model_has_a_name_in_tables(opened, tmp_path):
    words = ("leaky", "--planted", opened.folder, "--out", tmp_path / "r", "--claimed-epsilon", 20)
    audit(*words, "--name", "calls v2", "--scheme", "dp-sgd by us")
    found = read_model_audit(tmp_path / "r" / "audit.json")
    assert (found.name, found.scheme) == ("calls v2", "dp-sgd by us")
    audit(*words)
    found = read_model_audit(tmp_path / "r" / "audit.json")
    assert (found.name, found.scheme) == ("fake", "trained elsewhere")
    with pytest.raises(OverheardError, match="--scheme: give one line"):
        audit(*words, "--scheme", "a\nb")
