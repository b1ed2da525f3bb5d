"""Digests: of a value by its one JSON text, and of a folder of speech without its audio."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

TEXTS = ("", ".csv", ".gz", ".json", ".jsonl", ".tsv", ".txt")  # manifests and transcripts


def canonical(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest_of(value: object) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def stamp(corpus: Path) -> str:
    """Return a digest of the names and sizes of a corpus's files and of what its texts say.

    Audio that was exchanged for other audio of the same size goes unnoticed, as does audio outside
    the folder that a manifest names; `Corpus.digest` notices both. A corpus that is not there has
    a stamp too.
    """
    digest = hashlib.sha256()
    for path in sorted(_files(corpus)):
        name = path.relative_to(corpus).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\n".encode())
        if path.suffix.lower() in TEXTS:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(corpus: Path) -> Iterator[Path]:
    if corpus.is_file():
        yield corpus
    else:
        yield from (path for path in corpus.rglob("*") if path.is_file())
