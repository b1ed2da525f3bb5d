"""`overheard audit`: exit codes, one-line errors, and figures equal to the library's."""

import json

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from attacks.statistics.audit import audited_epsilon
from leaderboard.commands.audits.scores import audit, read_scores
from leaderboard.records.numbers import estimate_from_json
from targets.core.errors import OverheardError

app = Typer()
app.command()(audit)


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def scores(tmp_path):
    rng = np.random.default_rng(0)
    coins = rng.random(1000) < 0.5
    values = rng.normal(size=1000) + 2.5 * coins
    path = tmp_path / "scores.csv"
    path.write_text(
        "score,member\n" + "".join(f"{v},{int(c)}\n" for v, c in zip(values, coins, strict=True))
    )
    return path


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "given.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("claim", "code", "found"),
    [
        ("1", 3, "falsified"),
        ("4.5", 0, "consistent"),
        ("50", 0, "cannot tell: ceiling below the claim"),
    ],
)
def test_verdict_and_exit_code(scores, claim, code, found):
    result = run(scores, "--delta", "1e-5", "--claimed-epsilon", claim)
    assert result.exit_code == code, result.output
    assert f"Verdict: {found}" in result.output
    for name in ("one-run", "one-run f-DP", "Clopper-Pearson", "Gaussian DP", "ceiling", "AUC"):
        assert name in result.output


def test_without_a_claim_there_is_no_verdict(scores):
    result = run(scores, "--delta", "1e-5")
    assert result.exit_code == 0
    assert "Verdict" not in result.output


def test_observational_scores_falsify_nothing(scores):
    result = run(scores, "--delta", "1e-5", "--design", "observational", "--claimed-epsilon", "0")
    assert result.exit_code == 0
    assert "cannot tell: no bound" in result.output


@pytest.mark.parametrize("design", ["one_run", "many_runs"])
@pytest.mark.parametrize("noise", ["any", "gaussian"])
def test_json_holds_the_librarys_figures(scores, design, noise):
    result = run(
        scores, "--delta", "1e-5", "--design", design, "--noise", noise,
        "--claimed-epsilon", "1", "--json",
    )  # fmt: skip
    assert result.exit_code == 3
    report = json.loads(result.output)
    expected = audited_epsilon(read_scores(scores, design), delta=1e-5, noise=noise)
    assert report["audited_epsilon"]["low"] == expected.low
    assert report["audited_epsilon"]["ceiling"] == expected.ceiling
    # Infinity is written as everywhere, so that what reads records reads this too.
    assert report["audited_epsilon"]["high"] == "inf"
    assert estimate_from_json(report["audited_epsilon"]) == expected
    assert report["verdict"] == "falsified"
    assert set(report["bounds"]) == {"one-run", "one-run f-DP", "Clopper-Pearson", "Gaussian DP"}
    refused = [b for b in report["bounds"].values() if b["value"] is None]
    assert all(bound["method"].startswith("unscored: ") for bound in refused)


def test_a_higher_level_claims_less(scores):
    bounds = [
        json.loads(run(scores, "--delta", "1e-5", "--level", level, "--json").output)
        for level in ("0.9", "0.999")
    ]
    assert bounds[0]["audited_epsilon"]["low"] > bounds[1]["audited_epsilon"]["low"]


def test_words_spaces_byte_order_marks_and_blank_lines_are_read(tmp_path):
    text = "\ufeffMember, Score ,group\r\nTRUE, 1.5 ,ann\r\n\r\nfalse,-2e0,bob\r\n1,3,ann\r\n"
    trials = read_scores(written(tmp_path, text), "one_run")
    assert trials.in_scores.tolist() == [1.5, 3.0]
    assert trials.out_scores.tolist() == [-2.0]
    assert trials.in_groups.tolist() == ["ann", "ann"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: need one column 'score'"),
        ("score\n1\n", "line 1: need one column 'member'"),
        ("score,score,member\n1,1,1\n", "line 1: need one column 'score'"),
        ("score,member\n1,1\nloud,0\n", "line 3: score is 'loud'"),
        ("score,member\nnan,1\n", "line 2: score is 'nan'"),
        ("score,member\n1,1\n\n2,yes\n", "line 4: member is 'yes'"),
        ("score,member\n1,1,1\n", "line 2: 3 fields where the header has 2"),
        ("score,member,group\n1,1,\n", "line 2: group is empty"),
        ("score,member\n1,1\n", "no held-out candidate"),
        ("score,member\n1,0\n", "no member"),
        ('score,member\n"1,1\n', "line 2: "),
    ],
)
def test_bad_input_is_one_line_with_file_and_line(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(OverheardError) as raised:
        read_scores(path, "one_run")
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_unreadable_files_are_named(tmp_path):
    for path in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(OverheardError, match="give a readable CSV file"):
            read_scores(path, "one_run")
    with pytest.raises(OverheardError, match="not UTF-8"):
        read_scores(written(tmp_path, "score,member\n1,1 é\n", "latin-1"), "one_run")


@pytest.mark.parametrize(
    ("option", "value"), [("--delta", "1"), ("--level", "95"), ("--claimed-epsilon", "-1")]
)
def test_options_out_of_range_are_named(scores, option, value):
    given = {"--delta": "1e-5", option: value}
    result = run(scores, *(part for pair in given.items() for part in pair))
    assert isinstance(result.exception, OverheardError)
    assert option in str(result.exception)


@pytest.fixture
def losses(tmp_path):
    rng = np.random.default_rng(1)
    coins = rng.random(400) < 0.5
    values = rng.normal(size=400) - 3 * coins
    path = tmp_path / "losses.csv"
    path.write_text(
        "loss,member\n" + "".join(f"{v},{int(c)}\n" for v, c in zip(values, coins, strict=True))
    )
    return path


@pytest.fixture
def inverted(losses):
    path = losses.with_name("inverted.csv")
    path.write_text(losses.read_text().replace("loss", "score", 1))
    return path


@pytest.mark.parametrize("more", [(), ("--design", "many_runs"), ("--noise", "gaussian")])
@pytest.mark.parametrize("claim", ["0", "0.5", "3"])
def test_losses_given_as_scores_get_no_verdict(inverted, claim, more):
    result = run(inverted, "--delta", "1e-5", "--claimed-epsilon", claim, *more)
    assert result.exit_code == 2
    assert "consistent" not in result.output
    assert "Verdict: cannot tell: held-out candidates rank above members" in result.stdout
    (line,) = result.stderr.splitlines()
    assert "are these losses" in line
    assert "--losses" in line


def test_losses_are_audited_as_losses(inverted, losses):
    for path in (inverted, losses):
        result = run(path, "--delta", "1e-5", "--claimed-epsilon", "0.5", "--losses")
        assert result.exit_code == 3, result.output
        assert not result.stderr
        assert "Verdict: falsified" in result.output


def test_json_of_an_inverted_ranking_stays_json(inverted):
    result = run(inverted, "--delta", "1e-5", "--claimed-epsilon", "3", "--json")
    assert json.loads(result.stdout)["verdict"].startswith("cannot tell: held-out")
    assert "--losses" in result.stderr


def test_without_a_claim_the_question_is_asked_all_the_same(inverted):
    result = run(inverted, "--delta", "1e-5")
    assert result.exit_code == 0
    assert "--losses" in result.stderr


def test_scores_called_losses_are_asked_the_other_way_round(scores):
    result = run(scores, "--delta", "1e-5", "--claimed-epsilon", "3", "--losses")
    assert result.exit_code == 2
    assert "leave out --losses" in result.stderr


def test_noise_is_not_taken_for_losses(tmp_path):
    rng = np.random.default_rng(2)
    rows = "".join(f"{v},{c}\n" for v, c in zip(rng.normal(size=300), [0, 1] * 150, strict=True))
    result = run(
        written(tmp_path, "score,member\n" + rows), "--delta", "1e-5", "--claimed-epsilon", "1"
    )
    assert result.exit_code == 0
    assert not result.stderr


def test_a_column_of_losses_needs_the_option(losses):
    with pytest.raises(OverheardError, match="need one column 'score'"):
        read_scores(losses, "one_run")
