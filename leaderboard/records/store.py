"""Digested JSON: a file that carries the SHA-256 of its own content, written whole, read with care.

The digest catches damage and careless edits; it is no signature, and does not stop a forger who
recomputes it.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import from_json

from leaderboard.records import verified
from targets.core.digests import digest_of
from targets.core.errors import OverheardError
from targets.core.files import whole_file

DIGEST = "digest"  # the key that is not part of the content


class RecordError(OverheardError):
    """A record that cannot be trusted or must not be written: one line naming the file."""


class Digested(NamedTuple):
    """The content of a file, and the digest that is written there."""

    content: dict[str, Any]
    digest: str


def write_digested(content: Mapping[str, Any], path: Path) -> None:
    """Write an object of JSON-able values with its digest: whole, or not at all."""
    sealed = {**content, DIGEST: digest_of(content)}
    text = json.dumps(sealed, indent=1, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def read_digested(path: Path, kind: str, version: int) -> Digested:
    """Return what `write_digested` wrote; `kind` says in messages what it should be.

    Raises:
        RecordError: it cannot be read, is no JSON, of another schema version, damaged or edited.
    """
    try:
        written = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None
    before = verified.knows(written)
    try:
        if before:
            content = from_json(written.removeprefix(BOM_UTF8))
        else:
            content = json.loads(
                written.decode("utf-8-sig"),
                parse_constant=_no_constant,
                object_pairs_hook=_each_key_once,
            )
        stored = content.pop(DIGEST, None) if isinstance(content, dict) else None
        actual = str(stored) if before else digest_of(content)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: no {kind}, not JSON: {error}") from None
    if not isinstance(content, dict) or "schema_version" not in content:
        raise RecordError(f"{path}: no {kind} of overheard, it has no schema_version")
    if content["schema_version"] != version:
        raise RecordError(
            f"{path}: schema version {content['schema_version']}, this code reads {version}"
        )
    if stored != actual:
        raise RecordError(f"{path}: its content does not match its digest: damaged or edited")
    verified.note(path, written)
    return Digested(content, actual)


def mistake(path: Path, error: ValidationError) -> RecordError:
    """Return in one line what a model has against the content of a file."""
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    return RecordError(f"{path}: {key}: {first['msg']}")


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _each_key_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        (key, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"key '{key}' appears twice")
    return content
