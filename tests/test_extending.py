"""A new target, scheme, attack and corpus reader each is one file and one line of a registry.

Once written into the project, once installed as a package of its own: both run a suite with all
four of them to a row of the table.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[1]
TOYS = Path(__file__).parent / "toys"
ROOMS = ("targets", "defenses", "attacks", "leaderboard")

# Of each kind: where a new file goes, the registry, and the one line there.
NEW = {
    "target": (
        "targets/models/toy.py",
        "targets/models/registry.py",
        'TargetEntry(name="toy", path="targets.models.toy:Toy", summary="a toy"),',
    ),
    "scheme": (
        "defenses/dpsgd/toy.py",
        "defenses/registry.py",
        'SchemeEntry(name="toy", path="defenses.dpsgd.toy:Toy", summary="a toy"),',
    ),
    "attack": (
        "attacks/membership/toy.py",
        "attacks/registry.py",
        'AttackEntry(name="toy", path="attacks.membership.toy:Toy", summary="a toy", '
        'family="membership", access="transcripts"),',
    ),
    "reader": (
        "targets/corpora/readers/toy.py",
        "targets/corpora/registry.py",
        'Entry(name="toy", path="targets.corpora.readers.toy:Toy", summary="a toy"),',
    ),
}

PLUGIN = '''
"""A package that adds one of everything."""

from attacks.registry import AttackEntry
from defenses.registry import SchemeEntry
from targets.core.registry import Entry
from targets.models.registry import TargetEntry

TARGET = TargetEntry(name="toy", path="toy_plugin.target:Toy", summary="a toy")
SCHEME = SchemeEntry(name="toy", path="toy_plugin.scheme:Toy", summary="a toy")
ATTACK = AttackEntry(
    name="toy",
    path="toy_plugin.attack:Toy",
    summary="a toy",
    family="membership",
    access="transcripts",
)
READER = Entry(name="toy", path="toy_plugin.reader:Toy", summary="a toy")
'''
POINTS = """\
[overheard.targets]
toy = toy_plugin:TARGET

[overheard.schemes]
toy = toy_plugin:SCHEME

[overheard.attacks]
toy = toy_plugin:ATTACK

[overheard.corpora]
toy = toy_plugin:READER
"""

SUITE = """
name = "toys"
description = "One of everything that is new."
seeds = [0]
targets = ["toy"]

[speech.public]
source = "toy-speech"

[speech.private]
source = "embedded"
speakers = 4
utterances = 24

[speech.test]
source = "embedded"
speakers = 2
utterances = 4

[training]
public_epochs = 1
epochs = 1
batch_size = 4
learning_rate = 2e-3
channels = 8
hidden = 16

[[schemes]]
name = "toy"
epsilon = [10]

[[attacks]]
name = "membership"

[[attacks]]
name = "toy"
"""


def speak(folder):
    """Write a corpus that only the toy reader knows: noise, nobody's speech."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = []
    for number in range(6):
        name = f"{number}.wav"
        soundfile.write(folder / name, 0.1 * rng.standard_normal(16_000), 16_000)
        lines.append(f"{name} voice{number % 2} one two three")
    (folder / "toy.txt").write_text("\n".join(lines) + "\n")


def written_into_a_copy(home):
    """Copy the rooms, and add one file and one line of each kind."""
    for room in ROOMS:
        shutil.copytree(
            ROOT / room, home / room, ignore=shutil.ignore_patterns("published", "__pycache__")
        )
    (home / "leaderboard" / "published").mkdir()
    for kind, (file, registry, line) in NEW.items():
        shutil.copyfile(TOYS / f"{kind}.py", home / file)
        table = home / registry
        text = table.read_text()
        before, end, after = text.rpartition("\n    )")
        if not end:
            before, end, after = text.rpartition("\n    ]")
        table.write_text(f"{before}\n        {line}{end}{after}")


def installed(home):
    """Install a package that adds them, into a folder of its own."""
    wheel = home / "toy_plugin-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("toy_plugin/__init__.py", PLUGIN)
        for kind in NEW:
            file.write(TOYS / f"{kind}.py", f"toy_plugin/{kind}.py")
        info = "toy_plugin-1.0.dist-info"
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/entry_points.txt", POINTS)
        file.writestr(f"{info}/RECORD", "")
    words = ["install", "--quiet", "--no-deps", "--no-index", "--target", str(home), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, capture_output=True)
    wheel.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("added", [written_into_a_copy, installed])
def test_one_of_everything_runs_to_a_row(added, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    added(home)
    (tmp_path / "toys.toml").write_text(SUITE)
    speak(tmp_path / "toy-speech")
    path = [str(home)] if added is written_into_a_copy else [str(ROOT), str(home)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}

    def overheard(*words):
        command = [sys.executable, "-m", "leaderboard.cli", *words]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    for kind in ("targets", "schemes", "attacks", "corpora"):
        names = [row["name"] for row in json.loads(overheard("list", kind, "--format", "json"))]
        assert "toy" in names
        assert len(names) == len(set(names))
    overheard("run", "--suite", "toys.toml", "--data", ".", "--workers", "1")
    (row,) = json.loads(overheard("table", "runs/toys", "--format", "json"))
    # Twelve candidates cannot speak against a claim of 10, and the row says so.
    told = (row["target"], row["scheme"], row["status"])
    assert told == ("toy", "toy", "cannot tell: ceiling below the claim")
    assert row["epsilon"] <= 10
    assert row["wer"]["value"] is not None
    figures = json.loads(overheard("export", "runs/toys", "--format", "json"))
    assert [f for f in figures if f.get("attack") == "toy" and f.get("figure") == "auc"]
