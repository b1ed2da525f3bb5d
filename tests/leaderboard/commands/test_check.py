"""The contract on the command line: one line for what a submission does wrong."""

from __future__ import annotations

import pytest

from leaderboard.commands.check import check, check_attack
from leaderboard.commands.new import Role, new
from leaderboard.submissions.sandbox import unavailable
from leaderboard.submissions.submission import SubmissionError

pytestmark = pytest.mark.slow
TRUST = unavailable() is not None


def test_a_defense(tmp_path, capfd):
    path = tmp_path / "mine.py"
    new(Role.DEFENSE, path)
    check(f"{path}:Mine", ["epsilon=2", "epochs=0.2"], TRUST)
    assert (
        "meets the contract; on toy speech it promises ε = 2 at δ = 0.001" in capfd.readouterr().out
    )
    path.write_text(path.read_text().replace("rng.child", "rng.baby"))
    with pytest.raises(SubmissionError, match=r"Mine: it raised Exception \(its words are above\)"):
        check(f"{path}:Mine", [], TRUST)
    assert "'Randomness' object has no attribute 'baby'" in capfd.readouterr().err


def test_an_attack(tmp_path, capfd):
    path = tmp_path / "hit.py"
    new(Role.ATTACK, path)
    check_attack(f"{path}:Mine", [], TRUST)
    assert "meets the contract" in capfd.readouterr().out
    path.write_text(
        path.read_text().replace("tuple(candidates), gain", "tuple(candidates)[1:], gain[1:]")
    )
    with pytest.raises(SubmissionError, match="Mine: it raised"):
        check_attack(f"{path}:Mine", [], TRUST)
    assert capfd.readouterr().err
