"""Reads suites: by name or by path, and says of every mistake where it is and what to do."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from leaderboard.spec.cell import Cell
from leaderboard.spec.fields import SuiteError
from leaderboard.spec.suite import Suite


def built_in_suites() -> tuple[str, ...]:
    """Return the names of the suites that come with overheard, sorted."""
    found = (files("leaderboard") / "suites").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in found if f.name.endswith(".toml")))


def suite_of(cell: Cell) -> str:
    """Return what the suite of a cell is called now.

    A built-in suite may have been renamed, and its name given to another, since a record was made.
    """
    conditions = _built_in_conditions()
    digest = cell.conditions.digest
    if conditions.get(cell.suite, digest) == digest:
        return cell.suite
    return next((name for name, other in conditions.items() if other == digest), cell.suite)


@cache
def _built_in_conditions() -> dict[str, str]:
    return {name: load_suite(name).conditions.digest for name in built_in_suites()}


def load_suite(name_or_path: str | Path) -> Suite:
    """Read a built-in suite by name, or any suite by the path of its TOML file.

    Raises:
        SuiteError: one line for each mistake, naming the file and the key.
    """
    text = str(name_or_path)
    if text.endswith(".toml") or "/" in text or isinstance(name_or_path, Path):
        source, read = text, Path(text).read_bytes
    elif text in built_in_suites():
        resource = files("leaderboard") / "suites" / f"{text}.toml"
        source, read = f"{text}.toml", resource.read_bytes
    else:
        known = ", ".join(built_in_suites())
        raise SuiteError(f"{text}: no such suite (built in: {known}; or give a path to a .toml)")
    try:
        # utf-8-sig: editors put a byte-order mark before the first key.
        return parse_suite(source, read().decode("utf-8-sig"))
    except OSError as error:
        raise SuiteError(f"{source}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SuiteError(f"{source}: byte {error.start} is not UTF-8") from None


def parse_suite(source: str, text: str) -> Suite:
    """Return the suite that a TOML text describes; `source` names it in errors.

    Raises:
        SuiteError: one line for each mistake, naming the source and the key.
    """
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers of thousands of digits
        raise SuiteError(f"{source}: not TOML: {error}") from None
    _draw_unless_told(content)
    # Through JSON, because there a strict model still takes an array for a tuple.
    try:
        suite = Suite.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        lines = [f"{source}: {_key(e['loc'])}{_problem(e)}" for e in error.errors()]
        raise SuiteError("\n".join(lines)) from None
    # Kept beside the content, not in it: the same suite in another file is the same suite.
    suite._file = source
    return suite


def _draw_unless_told(content: dict[str, Any]) -> None:
    """Have real speech drawn where a suite wants some of it and does not say which.

    Not by a default of the key: a record without the key is from when the first were taken.
    """
    splits = content.get("speech")
    for speech in splits.values() if isinstance(splits, dict) else ():
        real = isinstance(speech, dict) and speech.get("source") not in (None, "embedded")
        if real and not {"speakers", "utterances", "transcribed"}.isdisjoint(speech):
            speech.setdefault("take", "drawn")


def _key(location: tuple[int | str, ...]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}"
    return f"{key.removeprefix('.')}: " if key else ""


def _problem(error: Any) -> str:
    kind, message = error["type"], error["msg"]
    if kind == "extra_forbidden":
        return f"unknown key (known: {', '.join(_known_keys(error['loc'][:-1]))})"
    if kind == "missing":
        return "missing"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return f"{message.replace('Input should', 'should')}, got {json.dumps(error['input'])}"


def _known_keys(location: tuple[int | str, ...]) -> Iterator[str]:
    model: Any = Suite
    for part in location:
        if isinstance(part, str):
            model = _model_in(model.model_fields[part].annotation)
    return iter(model.model_fields)


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(found for a in get_args(annotation) if (found := _model_in(a)) is not None)
