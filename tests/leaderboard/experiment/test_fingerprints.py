"""Fingerprints of code: they change with what matters, and with nothing else."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from attacks.registry import ATTACKS
from defenses.registry import SCHEMES, SchemeEntry
from leaderboard.experiment import fingerprints
from leaderboard.experiment.fingerprints import (
    attack_code,
    entry_code,
    scheme_code,
    submission_code,
)
from targets.core.errors import OverheardError

ROOT = Path(__file__).parents[3]

FILES = {
    "a": "from defenses.shared import helper\n\nclass A:\n    '''A.'''\n    x = 1\n",
    "b": "class B:\n    pass\n",
    "shared": "def helper():\n    return 1\n",
}


def codes(tmp_path, monkeypatch, noise=2, **changes):
    fingerprints._fingerprint.cache_clear()
    fingerprints._code.cache_clear()
    monkeypatch.setattr(fingerprints, "ROOT", tmp_path)
    (tmp_path / "defenses").mkdir(exist_ok=True)
    for name, text in (FILES | changes).items():
        (tmp_path / "defenses" / f"{name}.py").write_text(text)
    entries = [
        SchemeEntry(name="a", path="defenses.a:A", summary="a"),
        SchemeEntry(name="b", path="defenses.b:B", summary="b"),
        SchemeEntry(name="b-loud", path="defenses.b:B", summary="b", options={"noise": noise}),
    ]
    monkeypatch.setitem(fingerprints.TABLES, "defenses.registry", entries)
    (tmp_path / "defenses" / "registry.py").write_text("")
    return {entry.name: entry_code(entry) for entry in entries}


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({}, set()),
        ({"a": FILES["a"].replace("'''A.'''", "'''Another word.'''  # and a comment")}, set()),
        ({"a": FILES["a"].replace("\n\n", "\n\n\n\n")}, set()),
        ({"a": FILES["a"].replace("x = 1", "x = 2")}, {"a"}),
        ({"shared": FILES["shared"].replace("1", "2")}, {"a"}),
        ({"b": FILES["b"].replace("pass", "x = 2")}, {"b", "b-loud"}),
        ({"noise": 3}, {"b-loud"}),
    ],
)
def test_a_fingerprint_changes_with_its_code_alone(tmp_path, monkeypatch, changes, changed):
    before = codes(tmp_path, monkeypatch)
    after = codes(tmp_path, monkeypatch, **changes)
    assert {name for name in before if before[name] != after[name]} == changed
    assert len(set(before.values())) == 3


@pytest.mark.parametrize(
    "imports",
    [
        "from defenses.a import A",
        "from defenses import a as scheme",
        "import defenses.a",
        "def train():\n    from defenses.a import A",
        "from defenses.registry import SCHEMES",
        "from defenses.api import A",
        "from defenses import api",
        "import defenses.api as api",
        "from defenses.old import A",
        "from targets.old import A",
    ],
)
def test_a_submission_follows_what_it_is_built_on(tmp_path, monkeypatch, imports):
    (tmp_path / "defenses").mkdir()
    listed = "from defenses.a import A\nfrom defenses.b import B as BB\n"
    (tmp_path / "defenses" / "api.py").write_text(listed)
    old = {"defenses.old": "defenses.a", "targets.old": "defenses.a"}
    monkeypatch.setattr("targets.core.moved.MOVED", old)
    codes(tmp_path, monkeypatch)
    # Nor is anything built on all that `api` lists, unless it takes all of it.
    before = submission_code(imports), submission_code("from defenses.api import BB")
    assert before[0] == submission_code(imports) != submission_code(imports + "\n")
    codes(tmp_path, monkeypatch, shared=FILES["shared"].replace("1", "2"))
    after = submission_code(imports), submission_code("from defenses.api import BB")
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_everything_built_in_has_one_and_no_two_share_it():
    prints = [scheme_code(name) for name in SCHEMES.names()]
    prints += [attack_code(name) for name in ATTACKS.names()]
    assert len(set(prints)) == len(prints)
    with pytest.raises(OverheardError, match="none-such"):
        scheme_code("none-such")


def test_a_tree_as_text_is_the_same_on_every_python():
    tree = ast.parse("def f(x, *, y=None):\n    return g(f'{x:.3f}', [], -y)")
    assert fingerprints._plain(tree) == (
        "Module(body=[FunctionDef(name='f', args=arguments(args=[arg(arg='x')], "
        "kwonlyargs=[arg(arg='y')], kw_defaults=[Constant()]), body=[Return(value=Call("
        "func=Name(id='g', ctx=Load()), args=[JoinedStr(values=[FormattedValue("
        "value=Name(id='x', ctx=Load()), conversion=-1, format_spec=JoinedStr(values=["
        "Constant(value='.3f')]))]), List(ctx=Load()), "
        "UnaryOp(op=USub(), operand=Name(id='y', ctx=Load()))]))])])"
    )


def test_the_code_is_not_imported():
    code = (
        "import sys\nfrom leaderboard.experiment.fingerprints import attack_code\n"
        "attack_code('inversion')\n"
        "sys.exit(', '.join({'torch', 'attacks.inversion.descent'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.strip() == ""


def test_an_edited_attack_concerns_itself_alone(tmp_path, monkeypatch):
    """Not the others, although all of them see the target through `attacks.base`."""
    for room in fingerprints.ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room)

    def now():
        fingerprints._fingerprint.cache_clear()
        fingerprints._code.cache_clear()
        return {name: attack_code(name) for name in ATTACKS.names()}

    monkeypatch.setattr(fingerprints, "ROOT", tmp_path)
    before = now()
    for edited in ("attacks/canaries/token_inversion.py", "attacks/registry.py"):
        file = tmp_path / edited
        file.write_text(file.read_text() + "\nEDITED = True\n")
    after = now()
    assert {name for name in before if before[name] != after[name]} == {"canary-inversion"}


def test_a_package_of_several_modules_is_followed_without_being_imported(tmp_path, monkeypatch):
    package = tmp_path / "several_parts"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "scheme.py").write_text(
        "from several_parts.inner.layers import Layer\nfrom . import helper\nclass Mine: pass\n"
    )
    (package / "helper.py").write_text("from .inner import layers\n")
    (package / "inner" / "__init__.py").write_text("")
    (package / "inner" / "layers.py").write_text("class Layer: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = SchemeEntry(name="mine", path="several_parts.scheme:Mine", summary="mine")

    def now():
        fingerprints._fingerprint.cache_clear()
        fingerprints._code.cache_clear()
        return entry_code(entry)

    seen = {now()}
    for edited in ("helper.py", "inner/layers.py"):
        (package / edited).write_text((package / edited).read_text() + "edited = True\n")
        assert now() not in seen, edited
        seen.add(now())
    assert "several_parts" not in sys.modules
