"""`api.py` of each room: it lists what it imports, and nothing else."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("targets", "defenses", "attacks", "leaderboard")


@pytest.mark.parametrize("room", ROOMS)
def test_it_lists_what_it_imports(room):
    api = importlib.import_module(f"{room}.api")
    public = {name for name in vars(api) if not name.startswith("_")} - {"annotations"}
    assert sorted(api.__all__) == sorted(public)
    assert len(set(api.__all__)) == len(api.__all__)


def test_records_are_read_without_torch():
    code = "import sys, leaderboard.api\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("role", ["defense", "attack"])
def test_templates_import_from_api_alone(role):
    text = (ROOT / "leaderboard" / "templates" / f"{role}.txt").read_text(encoding="utf-8")
    ours = [
        node.module
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom)
        and re.match(r"(targets|defenses|attacks)\b", node.module)
    ]
    assert ours
    assert all(re.fullmatch(r"\w+\.api", module) for module in ours)
