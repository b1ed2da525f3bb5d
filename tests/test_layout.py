"""Where things lie: small folders, and test files at the place of the module that they test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("targets", "defenses", "attacks", "leaderboard")
MOST_MODULES = 14

# Tests of more than one module, and what they hold.
OF_THEIR_OWN = {
    "bench": "benchmarks",
    "zoo": "broken mechanisms that an audit must catch",
    "attacks/statistics/test_jax_privacy_figures.py": "several bounds against another package's",
    "leaderboard/site/test_browser.py": "the whole page in a browser",
    "leaderboard/model_audit/test_documented_training.py": "the training loops in the docs",
    "leaderboard/views/test_foreign_entries.py": "records of what is not installed, in every view",
    "targets/corpora/test_manifest_kinds.py": "every kind of manifest",
    "targets/corpora/test_fuzz.py": "every reader on garbage",
    "targets/corpora/test_layouts.py": "every layout, wherever it lies",
    "targets/test_real.py": "a run on real speech",
    "leaderboard/experiment/test_pretrained.py": "cells of a pretrained target",
    "targets/models/whisper/test_contracts.py": "every scheme and attack on a pretrained target",
}


def modules(folder: Path) -> list[Path]:
    """Return every module below a folder."""
    return sorted(path for path in folder.rglob("*.py") if path.name != "__init__.py")


TESTS = [
    str(path.relative_to(ROOT / "tests"))
    for path in modules(ROOT / "tests")
    if path.name.startswith("test_") and path.parent != ROOT / "tests"
]


def crowded(paths: Iterable[Path]) -> dict[Path, int]:
    """Return the folders that hold too many modules directly, and how many."""
    counts = Counter(path.parent for path in paths)
    return {folder: count for folder, count in counts.items() if count > MOST_MODULES}


def test_no_folder_is_crowded():
    folders = [ROOT / name for name in (*ROOMS, "tests")]
    found = [path for folder in folders for path in modules(folder) if "hostile" not in path.parts]
    assert crowded(found) == {}
    assert crowded(Path("room", f"{n}.py") for n in range(MOST_MODULES + 1)) == {Path("room"): 15}


@pytest.mark.parametrize("test", TESTS)
def test_every_test_file_mirrors_a_module(test):
    place = Path(test)
    module = ROOT / place.parent / place.name.removeprefix("test_")
    special = any(place.is_relative_to(name) for name in OF_THEIR_OWN)
    assert module.exists() != special, f"there is no {place.parent}/{module.name} to test"


def test_what_is_of_its_own_is_there():
    assert [name for name in OF_THEIR_OWN if not (ROOT / "tests" / name).exists()] == []


def test_contracts_and_commands_are_tested_on_every_version():
    """Tests marked one_version run on one Python of three: see `.ci/run`."""
    tests = {test: (ROOT / "tests" / test).read_text(encoding="utf-8") for test in TESTS}
    left_out = [Path(test) for test, text in tests.items() if "mark.one_version" in text]
    assert left_out
    contracts = ("test_checks.py", "test_contracts.py")
    assert [t for t in left_out if t.name in contracts or "commands" in t.parts] == []
