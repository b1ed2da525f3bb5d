"""Where things lie: small folders, and for every module a test file at the mirrored place."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("targets", "defenses", "attacks", "leaderboard")
MOST_MODULES = 14

# Modules that another module's test file covers: what they do is seen there.
COVERED = {
    "attacks/checks": (
        "attacks/base attacks/references attacks/registry attacks/membership/combined"
    ),
    "attacks/canaries/exposure": "attacks/canaries/ranking",
    "attacks/inversion/descent": "attacks/inversion/prior",
    "attacks/inversion/gradient_leakage": "attacks/inversion/gradient_spectrogram",
    "attacks/inversion/metrics": "attacks/inversion/vocoder attacks/inversion/voiceprint",
    "attacks/membership/perturbation": (
        "attacks/membership/edit_distance attacks/membership/gradient_norm"
    ),
    "attacks/statistics/ranking": "attacks/statistics/bootstrap",
    "defenses/checks": (
        "defenses/base defenses/registry defenses/dpsgd/self_trained defenses/public/nonprivate "
        "defenses/public/scheme"
    ),
    "defenses/accounting/price": "defenses/accounting/event_algebra defenses/accounting/renyi",
    "defenses/pate/scheme": "defenses/pate/teachers",
    "leaderboard/audits/gradient_canaries": "leaderboard/audits/training_audit",
    "leaderboard/audits/repetition_study": (
        "leaderboard/commands/audits/repetitions leaderboard/views/repetition_plot"
    ),
    "leaderboard/cli": "leaderboard/jobs/progress",
    "leaderboard/commands/account": "leaderboard/audits/votes_account",
    "leaderboard/experiment/panel/draw": "leaderboard/experiment/panel/cells",
    "leaderboard/experiment/plan": (
        "leaderboard/commands/plan leaderboard/experiment/durations leaderboard/spec/paths"
    ),
    "leaderboard/experiment/references": "attacks/membership/lira attacks/membership/rmia",
    "leaderboard/experiment/train": (
        "leaderboard/experiment/evaluate leaderboard/experiment/pending "
        "leaderboard/experiment/start leaderboard/experiment/teacher_votes targets/core/clock"
    ),
    "leaderboard/jobs/ray_pool": "leaderboard/jobs/worker",
    "leaderboard/jobs/scheduler": "leaderboard/jobs/job leaderboard/jobs/processes",
    "leaderboard/records/record": ("leaderboard/records/provenance targets/core/files"),
    "leaderboard/site/build": (
        "leaderboard/site/board leaderboard/site/entries leaderboard/site/entry "
        "leaderboard/views/glossary"
    ),
    "leaderboard/spec/suite": "leaderboard/spec/load",
    "leaderboard/submissions/defense_runs": "leaderboard/submissions/attack_runs",
    "leaderboard/submissions/sandbox": "leaderboard/submissions/sandbox_worker",
    "leaderboard/views/compare": "leaderboard/views/compare_plot",
    "targets/corpora/read": (
        "targets/corpora/entry targets/corpora/jsonl targets/corpora/lhotse "
        "targets/corpora/librispeech targets/speech/audio targets/speech/transcript"
    ),
    "targets/models/las": "targets/nn/attention",
    "targets/models/recognizer": "targets/speech/features",
    "targets/models/rnnt": "targets/models/rnnt_beam",
    "targets/nn/layers": "targets/nn/encoder",
    "targets/synthetic/corpus": "targets/synthetic/cache targets/synthetic/phrases",
    "targets/synthetic/synthesis": (
        "targets/synthetic/acoustics targets/synthetic/espeak targets/synthetic/voices "
        "targets/speech/utterance"
    ),
    "targets/training/ensemble": "targets/nn/stacked",
    "targets/training/fit": (
        "targets/core/errors targets/core/progress targets/core/randomness targets/training/recipe"
    ),
}
# A module of one folder whose tests are a file elsewhere, because no module's own file covers it.
ELSEWHERE = {
    "leaderboard/commands/audits/coverage": "attacks/statistics/test_coverage.py",
    "leaderboard/commands/train": "targets/test_real.py",
    "targets/training/checks": "defenses/test_checks.py",
}
# Commands that only `.ci/run` runs, from end to end.
BY_CI = ("leaderboard/commands/score", "leaderboard/commands/verify")
# Folders and files of tests that mirror no module, and what they hold instead.
OF_THEIR_OWN = {
    "bench": "benchmarks",
    "zoo": "broken mechanisms that an audit must catch",
    "attacks/statistics/test_jax_privacy_figures.py": "several bounds against another package's",
    "leaderboard/site/test_browser.py": "the whole page in a browser",
    "targets/test_real.py": "a run on real speech",
    "test_imports.py": "the order of the rooms",
    "test_layout.py": "this file",
}


def modules(folder: Path) -> list[Path]:
    """Return every module below a folder."""
    return sorted(path for path in folder.rglob("*.py") if path.name != "__init__.py")


def mirrored(module: str) -> str:
    """Return where the test file of a module is."""
    path = Path(module)
    return str(path.parent / f"test_{path.name}.py")


def mirrored_by(test: str) -> str:
    """Return the file that a test file mirrors, if there is one."""
    path = Path(test)
    return str(path.parent / path.name.removeprefix("test_"))


MODULES = [
    str(path.relative_to(ROOT).with_suffix("")) for room in ROOMS for path in modules(ROOT / room)
]
TESTS = [
    str(path.relative_to(ROOT / "tests"))
    for path in modules(ROOT / "tests")
    if path.name.startswith("test_")
]
COVERING = {
    **{module: mirrored(key) for key, listed in COVERED.items() for module in listed.split()},
    **ELSEWHERE,
}


def crowded(paths: Iterable[Path]) -> dict[Path, int]:
    """Return the folders that hold too many modules directly, and how many."""
    counts = Counter(path.parent for path in paths)
    return {folder: count for folder, count in counts.items() if count > MOST_MODULES}


def test_no_folder_is_crowded():
    folders = [ROOT / name for name in (*ROOMS, "tests")]
    assert crowded(path for folder in folders for path in modules(folder)) == {}
    assert crowded(Path("room", f"{n}.py") for n in range(MOST_MODULES + 1)) == {Path("room"): 15}


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_test_file(module):
    if mirrored(module) in TESTS:
        assert module not in COVERING, "it has a file of its own: take it off the table"
        return
    if module in BY_CI:
        assert f"/overheard {Path(module).name} " in (ROOT / ".ci" / "run").read_text("utf-8")
        return
    assert module in COVERING, f"write tests/{mirrored(module)}, or say which file covers it"
    test = ROOT / "tests" / COVERING[module]
    assert names(test, module.replace("/", ".")), f"{COVERING[module]} has nothing to do with it"


def names(test: Path, module: str) -> bool:
    """Return whether a test file, what it imports or what it mirrors names a module in full."""
    source = test.read_text(encoding="utf-8")
    near = imported(source) | {ROOT / mirrored_by(str(test.relative_to(ROOT / "tests")))}
    sources = [source, *(path.read_text(encoding="utf-8") for path in near if path.is_file())]
    parent, _, name = module.rpartition(".")
    ways = re.compile(rf"\b{re.escape(module)}\b|from {re.escape(parent)} import .*\b{name}\b")
    return any(ways.search(text) for text in sources)


def imported(source: str) -> set[Path]:
    """Return the files of ours that a source imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {ROOT / f"{name.replace('.', '/')}.py" for name in found}


@pytest.mark.parametrize("test", TESTS)
def test_every_test_file_mirrors_a_module(test):
    module = mirrored_by(test)
    special = any(Path(test).is_relative_to(place) for place in OF_THEIR_OWN)
    known = module.removesuffix(".py") in MODULES
    assert known != special, f"it mirrors {module}, or it is in OF_THEIR_OWN: one of the two"


def test_the_tables_name_what_exists():
    assert {*COVERING, *BY_CI} <= set(MODULES)
    assert set(COVERING.values()) <= set(TESTS)
    assert all((ROOT / "tests" / place).exists() for place in OF_THEIR_OWN)
    listed = [module for modules in COVERED.values() for module in modules.split()]
    assert len(listed) == len(set(listed))
