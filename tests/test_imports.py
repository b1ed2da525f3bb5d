"""The order of the rooms: imports go one way, siblings never import each other."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "targets": {"targets"},
    "defenses": {"defenses", "targets"},
    "attacks": {"attacks", "targets"},
    "leaderboard": {"leaderboard", "attacks", "defenses", "targets"},
}
FILES = sorted(path for room in MAY_IMPORT for path in (ROOT / room).rglob("*.py"))


def imported(source: str) -> list[tuple[int, str]]:
    """Return the line and top-level package of every import, inside functions too."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.partition(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # A relative import is marked, and so refused: no room uses one.
            found.append((node.lineno, "." * node.level + (node.module or "").partition(".")[0]))
    return found


def breaches(room: str, source: str) -> list[str]:
    """Return what a file of a room imports against the order."""
    barred = (set(MAY_IMPORT) | {"tests"}) - MAY_IMPORT[room]
    return [
        f"line {line} imports {package}"
        for line, package in imported(source)
        if package in barred or package.startswith(".")
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    room = path.relative_to(ROOT).parts[0]
    assert breaches(room, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("targets", "import leaderboard.cli"),
        ("targets", "from defenses import base"),
        ("attacks", "def f():\n    from defenses.base import Defense"),
        ("defenses", "import numpy, attacks"),
        ("leaderboard", "from tests.leaderboard.views.test_table import record"),
        ("targets", "from ..defenses import base"),
    ],
)
def test_a_breach_is_seen(room, source):
    assert breaches(room, source)


def test_reading_records_needs_no_torch():
    code = (
        "import sys, leaderboard.cli, leaderboard.views.compare, leaderboard.records.record\n"
        "import leaderboard.site.build\n"
        "sys.exit(', '.join({'torch', 'scipy', 'librosa', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.strip() == ""
