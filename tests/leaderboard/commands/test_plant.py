from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from leaderboard import cli
from leaderboard.planting.planted import read_planted
from targets.core.errors import OverheardError
from tests.leaderboard.planting.small import corpus


def plant(*words: object) -> str:
    done = CliRunner().invoke(cli.app, ["plant", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_the_ceiling_is_told_before_any_training(tmp_path):
    told = plant(
        *(corpus(tmp_path / "c"), "--out", tmp_path / "p", "--canaries", 3, "--repetitions", "1,4"),
        *("--forms", "obscured", "--templates", "pin4", "--format", "nemo"),
        *("--claimed-epsilon", 8),
    )
    assert "43 candidates, 3 of them canaries" in told
    assert "2 of dev and test were left alone" in told
    assert "42 coins can audit the ε of one utterance (1 canaries are said more" in told
    assert "no number of coins can at δ=1e-05" in told
    assert "Gaussian noise: this audit cannot contradict it; it takes about" in told
    assert "train/manifest.json and nothing else" in told
    public = json.loads((tmp_path / "p" / "planted.json").read_text())
    assert f"{public['ceiling']:.2f}" in told


def test_seeds_are_secret_and_differ(tmp_path):
    folder = corpus(tmp_path / "c")
    for name in ("a", "b"):
        plant(folder, "--out", tmp_path / name, "--canaries", 0)
    first, second = (read_planted(tmp_path / name).seed for name in ("a", "b"))
    assert first != second
    assert max(first, second) > 1 << 40


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--repetitions", "many"], "--repetitions many"),
        (["--forms", "loud"], "--forms loud: use some of clear, obscured, mislabelled"),
        (["--templates", ","], "--templates: names nothing"),
        (["--templates", "riddle"], "--templates riddle: no such template"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path, words, says):
    with pytest.raises(OverheardError, match=says):
        plant(corpus(tmp_path / "c"), "--out", tmp_path / "p", *words)


def test_a_folder_that_exists_is_refused(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "mine").write_text("x")
    with pytest.raises(OverheardError, match="exists already"):
        plant(corpus(tmp_path / "c"), "--out", tmp_path / "p")
