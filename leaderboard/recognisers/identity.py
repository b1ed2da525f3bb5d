"""What tells one recogniser from another: digests of files, and of how the files were opened."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from leaderboard.recognisers.base import Opening
from targets.core.digests import digest_of

_BLOCK = 1 << 22  # bytes


def digest_of_files(paths: Iterable[Path]) -> str:
    """Return the SHA-256 over the names and contents of files, in the order that is given."""
    sha = hashlib.sha256()
    for path in paths:
        sha.update(f"{path.name}\0{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                sha.update(block)
    return sha.hexdigest()


def digest_as_opened(files: str, opening: Opening, *, language: bool = False) -> str:
    """Return the digest of a recogniser: of its files, its device, and its language if it is told.

    On `cpu` and in no language that is the digest of the files.
    """
    told = {
        "device": "" if opening.device == "cpu" else opening.device,
        "language": opening.language if language else "",
    }
    told = {key: value for key, value in told.items() if value}
    return digest_of({"files": files, **told}) if told else files
