"""`overheard audit-training`: its table, its page, its mistakes and its exit codes."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from leaderboard.commands.audits.training import BEGIN, END, audit_training, renewed
from targets.core.errors import OverheardError
from tests.zoo.mechanisms import _noise_divided_twice

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(audit_training)
SMALL = ("--scheme", "edpsgd", "--epsilon", "10", "--runs", "100")


def call(*arguments):
    return CliRunner().invoke(app, arguments)


def test_it_prints_one_row_a_design():
    done = call(*SMALL, "--format", "json")
    assert done.exit_code == 0, done.output
    many, one = json.loads(done.stdout)
    assert (many["design"], one["design"]) == ("many_runs", "one_run")
    assert many["scores"] == 200
    assert many["audited_epsilon"]["level"] == 0.95
    assert many["ratio"] == pytest.approx(many["audited_epsilon"]["low"] / many["epsilon"])
    assert many["verdict"] == one["verdict"] == "consistent"


@pytest.mark.parametrize(
    ("scheme", "unit"),
    [("dp-fedavg", "speaker"), pytest.param("adamix", "utterance", marks=pytest.mark.slow)],
)
def test_a_scheme_says_for_whom_its_epsilon_is(monkeypatch, scheme, unit):
    monkeypatch.setattr("leaderboard.audits.training_audit.CANARIES", 400)
    done = call("--scheme", scheme, "--epsilon", "10", "--runs", "100", "--format", "json")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert [row["design"] for row in rows] == ["many_runs", "one_run"]
    assert {row["verdict"] for row in rows} <= {
        "consistent",
        "cannot tell: ceiling below the claim",
    }
    assert all(row.get("unit", "utterance") == unit for row in rows)
    assert rows[0]["audited_epsilon"]["low"] > 4


def test_the_labels_of_pate_have_a_row_of_their_own():
    done = call("--scheme", "pate-lnmax", "--epsilon", "1", "--runs", "50", "--format", "json")
    assert [row["watched"] for row in json.loads(done.stdout)] == ["noisy counts", "labels"]


def test_a_false_claim_ends_with_code_three():
    with _noise_divided_twice():
        done = call(*SMALL)
    assert done.exit_code == 3
    assert "falsified" in done.stdout


def test_the_table_of_a_page_is_renewed(tmp_path):
    page = tmp_path / "audits.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    assert call(*SMALL, "--page", str(page)).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n\n| scheme")
    assert text.endswith(f"|\n\n{END}\nafter\n")
    assert "old" not in text


def test_a_page_without_marks_is_refused():
    with pytest.raises(OverheardError, match="put the lines"):
        renewed("no marks", "table")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scheme", "dpsdg"), "--scheme dpsdg: there is dpsgd"),
        (("--scheme", "none"), "--scheme none: it promises no ε; there is dpsgd"),
        (("--scheme", "edpsgd-microbatch"), "no canaries watch its mechanism; there is dpsgd"),
        (("--scheme", "dp-ftrl"), "audit_mechanisms = true into a suite that has it"),
        (("--epsilon", "0"), "--epsilon: give numbers above 0"),
        (("--delta", "0"), "--delta and --level"),
        (("--scheme", "dpsgd", "--epsilon", "1", "--rate", "2"), "sampling rate 2"),
    ],
)
def test_mistakes_are_named(arguments, message):
    done = call(*arguments)
    assert isinstance(done.exception, OverheardError)
    assert message in str(done.exception)
