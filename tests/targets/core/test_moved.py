"""Old import paths: each still imports, with what it held, in a process that keeps them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from targets.core.moved import HIDDEN, MOVED, RENAMED, home_now, path_now

ROOT = Path(__file__).parents[3]
# The functions and classes of each module before it moved.
OLD = json.loads((Path(__file__).parent / "old_names.json").read_text())
# Readers of files, which are classes now: there are no files where a submission runs.
GONE: dict[str, set[str]] = {
    "targets.cutsets": {"read_cuts"},
    "targets.jsonl": {"json_lines", "read_jsonl"},
    "targets.librispeech": {"is_librispeech", "read_librispeech"},
}


def run(*lines: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]


KEEP = "from targets.core.moved import keep_old_paths; keep_old_paths(); keep_old_paths()"


def test_every_path_of_the_table_is_there():
    for module in MOVED.values():
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
    assert set(MOVED) <= set(OLD)


def test_old_modules_hold_what_they_held():
    """One process, since torch takes seconds to import: new paths first, then old ones."""
    lines = [KEEP, "import importlib"]
    for old, every in OLD.items():
        names = [name for name in every if name not in GONE.get(old, ())]
        lines.append(f"importlib.import_module({path_now(old)!r})")
        lines.append(f"import {old}")
        lines += [f"from {old} import {', '.join(names)}"] if names else []
        lines += [f"assert callable({name}), {name!r}" for name in names]
    run(*lines)


@pytest.mark.parametrize(
    "code",
    [
        "from defenses.accounting import price; import defenses.accounting.price\n"
        "from defenses.accounting import price as again; assert price is again\n"
        "assert price is __import__('sys').modules['defenses.accounting.price'].price",
        "import defenses.accounting.price\n"
        "from defenses.accounting import price, calibrated, Guarantee; assert price.__doc__\n"
        "import targets.speech as speech, targets.stamp\n"
        "from targets.speech.utterance import Utterance; assert speech.Utterance is Utterance\n"
        "from defenses.dpsgd import *\nassert DPSGD and set_noisy_mean\n"
        "from targets.progress import *\nassert report\n"
        "from defenses.dpsgd import clipping; assert clipping.normalised_sum\n"
        "from attacks.membership import lira; assert lira.__name__ == 'attacks.membership.lira'",
    ],
)
def test_ways_to_import(code):
    run(KEEP, code)


def test_what_is_nowhere_is_still_missing():
    run(KEEP, "try: from targets.speech import nothing\nexcept ImportError: pass\nelse: exit(1)")
    run(KEEP, "try: import targets.nothing\nexcept ImportError: pass\nelse: exit(1)")


def test_nothing_is_loaded_before_it_is_asked_for():
    run(KEEP, "import sys; assert not {'torch', 'numpy', 'dp_accounting'} & set(sys.modules)")


def test_without_it_old_paths_are_gone():
    run("try: import targets.stamp\nexcept ImportError: pass\nelse: exit(1)")


def test_where_a_name_is_defined_today():
    assert home_now("defenses.accounting", "price") == "defenses.accounting.price"
    assert home_now("attacks.base", "Findings") == "attacks.base"
    assert set(HIDDEN) <= set(MOVED)
    assert all(set(names) for names in RENAMED.values())
