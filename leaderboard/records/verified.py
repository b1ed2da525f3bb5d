"""Which files were verified before, so that an unchanged one is not verified again.

To verify a record is to write all it says once more in canonical form, which takes three quarters
of the time of reading it. A run therefore keeps the SHA-256 of the bytes of each file that it has
verified. What was damaged or edited since has other bytes, and is verified.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from targets.core.files import whole_file

FILE = ".verified"  # in the folder of a run

_known: dict[str, Path | None] = {}  # by SHA-256, the file that was verified in this process


def knows(content: bytes) -> bool:
    """Return whether a file of this content has been verified."""
    return _digest(content) in _known


def note(path: Path, content: bytes) -> None:
    """Learn that a file of this content has been verified."""
    _known[_digest(content)] = path.absolute()


def recall(run: Path) -> None:
    """Learn what was verified in a run before; a list that cannot be read is none."""
    for digest in _read(run):
        _known.setdefault(digest, None)


def keep(run: Path) -> None:
    """Write down what has been verified of a run in this process, beside what was before."""
    before, home = _read(run), run.absolute()
    here = {digest for digest, path in _known.items() if path is not None and home in path.parents}
    if here - before:
        with whole_file(run / FILE) as aside:
            aside.write_text(json.dumps(sorted(before | here), indent=0), encoding="utf-8")


def _read(run: Path) -> set[str]:
    try:
        content = json.loads((run / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    content = content if isinstance(content, list) else []
    return {digest for digest in content if isinstance(digest, str)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
