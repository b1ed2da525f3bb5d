"""The command line of bubblewrap: what a sandbox sees of this machine, and as whom.

Inside are a read-only system (Python, the packages, this project's `targets`, `defenses` and
`attacks`), an empty temporary folder, no network, no other process, no environment, an identity
without rights.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from leaderboard.submissions import sandbox_worker
from leaderboard.submissions.limits import Limits

ROOT = Path(__file__).resolve().parents[2]
WORKER = sandbox_worker.__file__
ROOMS = ("targets", "defenses", "attacks")
SYSTEM = (
    "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib",
    "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache",
)  # fmt: skip
PYTHON = ("bin", "lib", "lib64", "pyvenv.cfg")  # of each of its prefixes
INSIDE = Path("/overheard")  # where the rooms and the worker lie in the sandbox
NOBODY = 65534
WHOLE_PROC = "/overheard-proc"
ENVIRONMENT = {
    "HOME": "/tmp",
    "USER": "nobody",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def bubblewrap(command: list[str], limits: Limits) -> list[str]:
    """Return the command line that runs a command in the sandbox."""
    bwrap, root = shutil.which("bwrap") or "bwrap", os.geteuid() == 0
    shown = shown_places()
    # The temporary folder first: Python itself may lie below it.
    inner = [
        bwrap, "--perms", "0700", "--size", str(limits.disk), "--tmpfs", "/tmp",
        *_mounts({place: place for place in shown.values()} if root else shown),
        "--dev", "/dev", "--proc", "/proc", "--remount-ro", "/dev", "--remount-ro", "/",
        "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL",
        "--die-with-parent", "--new-session", "--clearenv",
        *(word for name, value in ENVIRONMENT.items() for word in ("--setenv", name, value)),
        "--chdir", "/tmp", "--", *command,
    ]  # fmt: skip
    if not root:
        return inner
    # Root even without rights owns too much, and no limit of processes counts for it. The outer
    # sandbox only makes the same files reachable for nobody, who then makes the real one, and
    # takes nobody along when it dies: without rights it could not signal another user.
    setpriv = shutil.which("setpriv") or "setpriv"
    nobody = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=KILL"]
    return [
        bwrap, *_folders("/tmp"), *_mounts(shown), "--proc", "/proc", "--dev-bind", "/dev", "/dev",
        # The kernel lets nobody mount a /proc of their own only where a whole one can be seen.
        *_folders(WHOLE_PROC), "--bind", "/proc", WHOLE_PROC,
        "--unshare-pid", "--die-with-parent", "--", setpriv, *nobody, "--", *inner,
    ]  # fmt: skip


def shown_places() -> dict[str, str]:
    """Return what the sandbox sees of this machine, and where: what Python runs on, no more."""
    system = [path for path in SYSTEM if os.path.exists(path)]
    prefixes = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent.parent)}
    python = [
        str(path)
        for prefix in sorted(prefixes, key=len)
        for part in PYTHON
        if (path := Path(prefix, part)).exists() and not any(map(path.is_relative_to, system))
    ]
    shown = {path: path for path in (*system, *python)}
    for room in ROOMS:
        shown[str(ROOT / room)] = str(INSIDE / room)
    return shown | {WORKER: str(INSIDE / Path(WORKER).name)}


def shown_above(path: Path) -> str | None:
    """Return what the sandbox sees of this machine that a path lies below, if anything."""
    real = path.resolve()
    return next((s for s in shown_places() if real.is_relative_to(Path(s).resolve())), None)


def _hidden() -> Path | None:
    """Return the folder of ours that has to be hidden: where a checkout lies below what is shown.

    Of an installed package that is its leaderboard, with the published records.
    """
    ours = ROOT if (ROOT / "pyproject.toml").exists() else ROOT / "leaderboard"
    return ours if shown_above(ours) else None


def _mounts(shown: Mapping[str, str]) -> list[str]:
    hidden = _hidden()
    if hidden is None:
        return _binds(shown)
    within = {s: p for s, p in shown.items() if Path(p).is_relative_to(hidden)}
    return [
        *_binds({s: p for s, p in shown.items() if s not in within}),
        *("--perms", "0755", "--tmpfs", str(hidden)), *_binds(within),
        *("--remount-ro", str(hidden)),
    ]  # fmt: skip


def _binds(shown: Mapping[str, str]) -> list[str]:
    words: list[str] = []
    for source, place in shown.items():
        if os.path.islink(place) and Path(place).parent == Path("/"):  # /bin, now part of /usr
            words += ["--symlink", os.readlink(place), place]
        else:
            words += [*_folders(str(Path(place).parent)), "--ro-bind", source, place]
    return words


def _folders(path: str) -> list[str]:
    """Return the words that make a folder and those above it, open to everyone inside."""
    above = [p for p in [*reversed(Path(path).parents), Path(path)] if p != Path("/")]
    return [word for p in above for word in ("--perms", "0755", "--dir", str(p))]
