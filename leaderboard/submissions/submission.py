"""A submission: one class of one Python file, read and held against the rules, never imported."""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from leaderboard.spec.fields import Scalar
from targets.core.errors import OverheardError

Role = Literal["defense", "attack"]

MOST_SOURCE = 100_000  # bytes of a submission's file: a method, not a model or a data set
MAY_IMPORT: Mapping[Role, frozenset[str]] = {
    "defense": frozenset({"targets", "defenses"}),
    "attack": frozenset({"targets", "attacks"}),
}
PACKAGES = frozenset(
    {
        "dp_accounting",
        "librosa",
        "numpy",
        "rapidfuzz",
        "safetensors",
        "scipy",
        "torch",
        "torchaudio",
    }
)


class SubmissionError(OverheardError):
    """A file that is no submission: names the file, the line, and what to do."""


@dataclass(frozen=True)
class Submission:
    """One class of one file, and the settings it is made with."""

    file: str
    source: str
    name: str
    role: Role
    settings: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Digest of the file."""
        return hashlib.sha256(self.source.encode()).hexdigest()


def read_submission(place: str, role: Role, settings: Sequence[str] = ()) -> Submission:
    """Return the submission at `FILE.py:Class`, with settings written `key=value`.

    Raises:
        SubmissionError: the file is missing, too long, not Python, or imports what it may not.
    """
    path, colon, name = place.rpartition(":")
    if not colon or not name.isidentifier() or not path.endswith(".py"):
        raise SubmissionError(f"{place}: name a file and a class in it, like mine.py:Mine")
    try:
        source = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SubmissionError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SubmissionError(f"{path}: byte {error.start} is not UTF-8") from None
    submission = Submission(Path(path).name, source, name, role, dict(map(_setting, settings)))
    check_source(submission)
    return submission


def check_source(submission: Submission) -> None:
    """Check what the rules say of a submission's file.

    Raises:
        SubmissionError: at the first breach.
    """
    file, source, role = submission.file, submission.source, submission.role
    if len(source.encode()) > MOST_SOURCE:
        raise SubmissionError(f"{file}: longer than {MOST_SOURCE} bytes: submit code, not data")
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise SubmissionError(f"{file}:{line}: not Python: {error}") from None
    allowed = MAY_IMPORT[role] | PACKAGES | sys.stdlib_module_names
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [("." * node.level) + (node.module or "")]
        else:
            continue
        for name in names:
            if name.partition(".")[0] not in allowed:
                own = ", ".join(sorted(MAY_IMPORT[role]))
                raise SubmissionError(
                    f"{file}:{node.lineno}: may not import {name}: the {role}'s rooms ({own}), the "
                    f"standard library and {', '.join(sorted(PACKAGES))} are there"
                )
    bound = _bound_names(tree)
    if submission.name not in bound:
        classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
        has = f"has {', '.join(classes)}" if classes else "has no class at all"
        raise SubmissionError(f"{file}: no class {submission.name} in it; it {has}")


def _bound_names(tree: ast.Module) -> set[str]:
    """Return the names that a module may bind, those of inner scopes included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name)
    return names


def _setting(text: str) -> tuple[str, Scalar]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise SubmissionError(f"{text}: a setting is written key=value")
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value
    return key, parsed if isinstance(parsed, Scalar) else value
