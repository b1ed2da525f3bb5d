"""Where a figure comes from: the code, the packages and the machine that made it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("attacks", "defenses", "leaderboard", "targets", "constraints.txt", "pyproject.toml")


@cache
def commit() -> str | None:
    """Return the git commit of the running code; None where it is not in its repository."""
    # An installed copy inside somebody else's repository must not borrow that one's commit.
    if _git("ls-files", "--error-unmatch", "leaderboard/records/provenance.py") is None:
        return None
    return _git("rev-parse", "HEAD")


@cache
def dirty() -> bool | None:
    """Return whether the code differs from its commit; None where there is no commit."""
    if commit() is None:
        return None
    changes = _git("status", "--porcelain", "--", *CODE)
    return None if changes is None else bool(changes)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            # Without its lock: a worker that is ended here would leave the repository locked.
            ["git", "--no-optional-locks", "-C", str(ROOT), *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def packages() -> dict[str, str]:
    """Return the versions of Python and of everything overheard depends on at run time."""
    versions = {"python": platform.python_version()}
    for requirement in sorted(_requirements()):
        if "extra ==" not in requirement:
            name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
            versions[name] = metadata.version(name)
    return versions


def _requirements() -> list[str]:
    try:
        return list(metadata.requires("overheard") or ())
    except metadata.PackageNotFoundError:
        # A checkout that runs without having been installed: it says so itself.
        with (ROOT / "pyproject.toml").open("rb") as file:
            return list(tomllib.load(file)["project"]["dependencies"])


def cpu() -> str:
    """Return the processor's model name, or its architecture where the system keeps it quiet."""
    try:
        names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        names = []
    return names[0].strip() if names else platform.machine()


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ram_gib() -> float:
    """Return the machine's memory in GiB, to one decimal."""
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def accelerator(device: str) -> str | None:
    """Return the name of the device that was used, like "cuda:1" or "mps"; None for the CPU.

    Raises:
        ValueError: there is no such kind of device, or torch is not there to ask for its name.
    """
    kind = device.partition(":")[0]
    if kind == "cpu":
        return None
    if kind == "mps":
        return f"{cpu()} (MPS)"
    # Whoever used a GPU has torch; whoever reads records need not load it.
    torch = sys.modules.get("torch")
    if kind != "cuda" or torch is None:
        raise ValueError(f"{device}: no device that work can have been done on")
    name: str = torch.cuda.get_device_name(device)
    return name
