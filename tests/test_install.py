"""What `make` installs: a CPU build of torch, where an index has one, is what pip takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
TAG = "py3-none-any"
CUDA = "nvidia-cudnn-cu13"


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """Write a wheel that holds nothing."""
    own = f"{name.replace('-', '_')}-{version}"
    content = {
        "METADATA": [
            "Metadata-Version: 2.1",
            f"Name: {name}",
            f"Version: {version}",
            *(f"Requires-Dist: {need}" for need in needs),
        ],
        "WHEEL": ["Wheel-Version: 1.0", "Generator: test", "Root-Is-Purelib: true", f"Tag: {TAG}"],
        "RECORD": [],
    }
    with ZipFile(folder / f"{own}-{TAG}.whl", "w") as file:
        for title, lines in content.items():
            file.writestr(f"{own}.dist-info/{title}", "\n".join(lines) + "\n")


def chosen(folder: Path) -> dict[str, str]:
    """Return what pip would install of torch and torchaudio, under our pins."""
    quietly = ["--isolated", "--quiet", "--disable-pip-version-check"]
    untouched = ["--dry-run", "--ignore-installed", "--report", "-"]
    here = ["--no-index", "--find-links", str(folder), "-c", str(ROOT / "constraints.txt")]
    pip = [sys.executable, "-m", "pip", "install", *quietly, *untouched, *here]
    found = subprocess.run(
        [*pip, "torch", "torchaudio"],
        check=True,
        capture_output=True,
        text=True,
    )
    installed = json.loads(found.stdout)["install"]
    return {one["metadata"]["name"]: one["metadata"]["version"] for one in installed}


@pytest.fixture
def index(tmp_path):
    """Return an index with the wheels of PyPI for Linux, as far as pip looks at them."""
    pins = dict(
        line.strip().split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    )
    wheel(tmp_path, CUDA, pins[CUDA])
    wheel(tmp_path, "torch", pins["torch"], f"{CUDA}=={pins[CUDA]}")
    wheel(tmp_path, "torchaudio", pins["torchaudio"])
    return tmp_path, pins


def test_a_cpu_build_satisfies_our_pins_and_is_preferred(index):
    folder, pins = index
    assert chosen(folder) == {name: pins[name] for name in ("torch", "torchaudio", CUDA)}
    for name in ("torch", "torchaudio"):
        wheel(folder, name, f"{pins[name]}+cpu")
    assert chosen(folder) == {name: f"{pins[name]}+cpu" for name in ("torch", "torchaudio")}
