"""The files to start from: they keep the rules, and meet the contracts, as they are."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from attacks.base import view_of
from attacks.checks import check_attack
from defenses.checks import check_defense
from leaderboard.commands.new import Role, new
from leaderboard.recognisers.checks import check_recogniser
from leaderboard.recognisers.open import open_recogniser
from leaderboard.submissions.submission import read_submission
from targets.core.errors import OverheardError
from tests.fakes import recipe_for, speech


def written(role: Role, path: Path):
    new(role, path)
    read_submission(f"{path}:Mine", role.value)
    module = types.ModuleType("started")
    sys.modules["started"] = module
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    return module.Mine


def test_a_defense_to_start_from(tmp_path, capsys):
    mine = written(Role.DEFENSE, tmp_path / "mine.py")
    public = speech(4, "public")
    recipe = recipe_for("ctc", public)
    trained = check_defense(lambda: mine(epochs=0.2), recipe, speech(6, "private"), public)
    assert trained.event.count == 2
    assert f"overheard check {tmp_path / 'mine.py'}:Mine" in capsys.readouterr().out


def test_an_attack_to_start_from(tmp_path):
    mine = written(Role.ATTACK, tmp_path / "mine.py")
    public, candidates = speech(4, "public"), speech(6, "private")
    start = recipe_for("ctc", public).build()
    found = check_attack(mine(), view_of("scores", start, start, public), candidates)
    assert [c.id for c in found.candidates] == [c.id for c in candidates]


def test_a_model_to_start_from(tmp_path, capsys):
    path = tmp_path / "mine.py"
    new(Role.MODEL, path)
    assert f"overheard check-model {path}:Mine" in capsys.readouterr().out
    mine = open_recogniser(f"{path}:Mine")
    kept = check_recogniser(mine, speech(4, "public"))
    assert list(mine.cannot) == ["gradient_norm"]
    assert all(kept.transcripts)


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("precious")
    with pytest.raises(OverheardError, match="exists; it is not overwritten"):
        new(Role.DEFENSE, path)
    assert path.read_text() == "precious"
    with pytest.raises(OverheardError, match=r"ends in \.py"):
        new(Role.DEFENSE, tmp_path / "mine.txt")
