"""The order of the rooms: imports go one way, also those inside functions and those for types."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("targets", "defenses", "attacks", "leaderboard")

# What can be read where nothing is trained: names, guarantees, corners of a curve.
NAMES = (
    "attacks.access attacks.registry defenses.registry targets.models.registry "
    "targets.corpora.registry"
)
RECORDS = (
    f"targets.core targets.speech.utterance {NAMES} defenses.accounting.guarantee "
    "attacks.statistics.verdict"
)

# Each sub-package, and what it may import beside itself: sub-packages, modules, or whole rooms.
# docs/architecture.md says the same in words.
MAY_IMPORT = {
    "targets.core": "",
    "targets.speech": "targets.core",
    "targets.corpora": "targets.core targets.speech",
    "targets.synthetic": "targets.core targets.speech",
    "targets.nn": "targets.core targets.speech",
    "targets.models": "targets.core targets.speech targets.nn",
    "targets.training": "targets.core targets.speech targets.nn targets.models",
    "targets.api": "targets",
    "defenses.registry": "targets.core",
    "defenses.accounting": "targets.core targets.speech",
    "defenses.base": "targets defenses.accounting",
    "defenses.checks": "targets defenses.accounting defenses.base",
    "defenses.dpsgd": "targets defenses.accounting defenses.base",
    "defenses.fairness": "targets defenses.accounting defenses.base defenses.dpsgd",
    "defenses.federated": "targets defenses.accounting defenses.base defenses.dpsgd",
    "defenses.public": "targets defenses.accounting defenses.base",
    "defenses.text": "targets defenses.accounting defenses.base",
    "defenses.voice": "targets defenses.accounting defenses.base defenses.public defenses.text",
    "defenses.pate": "targets defenses.accounting defenses.base defenses.public",
    "defenses.api": "targets defenses",
    "attacks.access": "",
    "attacks.registry": "targets.core attacks.access",
    "attacks.statistics": "targets.core targets.speech",
    "attacks.base": "targets attacks.access",
    "attacks.applicability": "targets attacks.base",
    "attacks.references": "targets attacks.base",
    "attacks.checks": "targets attacks.base attacks.references",
    "attacks.membership": "targets attacks.base attacks.references attacks.statistics",
    "attacks.canaries": "targets attacks.base attacks.references attacks.statistics",
    "attacks.inversion": "targets attacks.base attacks.references attacks.statistics",
    "attacks.updates": "targets",
    "attacks.api": "targets attacks",
    "leaderboard.spec": f"targets.core {NAMES}",
    "leaderboard.jobs": "targets.core",
    "leaderboard.records": f"{RECORDS} leaderboard.spec",
    "leaderboard.figures": f"{RECORDS} leaderboard.spec leaderboard.records",
    "leaderboard.views": f"{RECORDS} leaderboard.spec leaderboard.records leaderboard.figures",
    "leaderboard.site": (
        f"{RECORDS} attacks.statistics.roc leaderboard.spec leaderboard.records "
        "leaderboard.figures leaderboard.views"
    ),
    "leaderboard.cohorts": (
        f"{RECORDS} attacks.statistics leaderboard.spec leaderboard.records leaderboard.figures "
        "leaderboard.views"
    ),
    "leaderboard.manual": (
        f"{RECORDS} leaderboard.spec leaderboard.records leaderboard.figures leaderboard.views "
        "leaderboard.cohorts"
    ),
    "leaderboard.votes": (
        "targets defenses leaderboard.spec leaderboard.records leaderboard.figures "
        "leaderboard.views leaderboard.game leaderboard.experiment"
    ),
    "leaderboard.recognisers": "targets",
    "leaderboard.game": "targets attacks.canaries leaderboard.spec",
    "leaderboard.planting": ("targets attacks.canaries attacks.statistics leaderboard.game"),
    "leaderboard.model_audit": (
        "targets attacks.statistics attacks.membership.logistic leaderboard.jobs "
        "leaderboard.records leaderboard.planting leaderboard.recognisers"
    ),
    "leaderboard.experiment": (
        "targets defenses attacks leaderboard.spec leaderboard.jobs leaderboard.records "
        "leaderboard.game leaderboard.audits"
    ),
    "leaderboard.submissions": (
        "targets defenses attacks leaderboard.spec leaderboard.jobs leaderboard.records "
        "leaderboard.game leaderboard.experiment"
    ),
    "leaderboard.scale": (
        "targets defenses attacks leaderboard.spec leaderboard.jobs leaderboard.game "
        "leaderboard.planting leaderboard.experiment"
    ),
    "leaderboard.audits": "targets defenses attacks leaderboard.records",
    "leaderboard.commands": "targets defenses attacks leaderboard",
    "leaderboard.cli": (
        "targets.core leaderboard.records leaderboard.commands leaderboard.views leaderboard.site "
        "leaderboard.votes leaderboard.cohorts"
    ),
    "leaderboard.api": "targets defenses attacks leaderboard",
}
FILES = sorted(
    path for room in ROOMS for path in (ROOT / room).rglob("*.py") if path.parent.name != room
) + sorted(
    path for room in ROOMS for path in (ROOT / room).glob("*.py") if path.name != "__init__.py"
)


def home_of(path: Path) -> str:
    """Return the sub-package of a file, or the module itself where it lies on top."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:2])


def imported(source: str) -> list[tuple[int, str]]:
    """Return the line and the full name of every import, inside functions too."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # A relative import is marked, and so refused: no room uses one.
            module = "." * node.level + (node.module or "")
            # `from room import package` names the package, `from room.package import name` too.
            depth = 1 if module in ROOMS else 0
            found += [(node.lineno, f"{module}.{a.name}" if depth else module) for a in node.names]
    return found


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def breaches(home: str, source: str) -> list[str]:
    """Return what a file of a sub-package imports against the order."""
    allowed = [home, *MAY_IMPORT[home].split()]
    return [
        f"line {line} imports {module}"
        for line, module in imported(source)
        if module.startswith(".")
        or (
            module.partition(".")[0] in (*ROOMS, "tests")
            and not any(within(module, package) for package in allowed)
        )
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    assert breaches(home_of(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("home", "source"),
    [
        ("targets.core", "import leaderboard.cli"),
        ("targets.models", "from defenses import base"),
        ("targets.nn", "from targets.models.ctc import CTC"),
        ("attacks.membership", "def f():\n    from defenses.base import Defense"),
        ("attacks.canaries", "from attacks.inversion.prior import SpeechPrior"),
        ("defenses.dpsgd", "import numpy, attacks"),
        ("leaderboard.cli", "from tests.test_table import record"),
        ("leaderboard.records", "from leaderboard.views.table import rows"),
        ("leaderboard.experiment", "if TYPE_CHECKING:\n    from leaderboard.site import build"),
        ("targets.speech", "from ..core import errors"),
    ],
)
def test_a_breach_is_seen(home, source):
    assert breaches(home, source)


def test_the_order_has_no_circle():
    """Each sub-package may be reached only from those that come after it."""
    below = {
        home: {other for other in MAY_IMPORT if other != home and _reaches(home, other)}
        for home in MAY_IMPORT
    }
    while below:
        free = {home for home, others in below.items() if not others & set(below)}
        assert free, f"these import each other: {', '.join(below)}"
        below = {home: others for home, others in below.items() if home not in free}


def _reaches(home: str, other: str) -> bool:
    """Return whether a sub-package may import another: itself, a part of it, or its whole room.

    Whole rooms are what those on top may import; their own tops are left out.
    """
    room = other.partition(".")[0]
    tops = {"api", "cli", "commands"}
    for package in MAY_IMPORT[home].split():
        if package == other or within(package, other):
            return True
        if package == room and other.rpartition(".")[2] not in tops:
            return True
    return False


def test_every_sub_package_has_its_line():
    packages = {home_of(path) for path in FILES}
    assert packages == set(MAY_IMPORT)


def test_reading_records_needs_no_torch():
    code = (
        "import sys, leaderboard.cli, leaderboard.views.compare, leaderboard.records.record\n"
        "import leaderboard.site.build, leaderboard.cohorts.table, leaderboard.manual.tables\n"
        "sys.exit(', '.join({'torch', 'scipy', 'librosa', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.strip() == ""
