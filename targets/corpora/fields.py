"""What a key of a manifest says, where it says something clear; else what is wrong with it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from targets.corpora.entry import KNOWN_SPLITS

_LONGEST = 1e9  # s; also refuses NaN, infinity, and integers that no float holds
_SAME_SPLIT = {"validation": "dev", "valid": "dev", "val": "dev", "eval": "test"}


class FieldError(ValueError):
    """A key says nothing that can be used: one line, and `remedy`, what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def name(row: Mapping[str, Any], keys: Iterable[str], what: str, remedy: str) -> str:
    """Return the first key of `keys` that names something, as a string: 84 and 84.0 are "84".

    Raises:
        FieldError: none does.
    """
    for key in keys:
        value = row.get(key)
        if value is None or value == "":
            continue
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise FieldError(f"{key} {brief(value)} is no name", f"write {key} as a string")
        text = str(value).strip()
        if not text:
            continue
        if not text.isprintable():
            raise FieldError(f"{key} {brief(text)} has control characters", f"correct {key}")
        return text
    raise FieldError(f"no {what}", remedy)


def seconds(row: Mapping[str, Any], key: str) -> float | int | None:
    """Return a time in seconds as it is written, a number or one in quotes; None where it is none.

    Raises:
        FieldError: it is no time.
    """
    value = row.get(key)
    if value is None or value == "":
        return None
    if type(value) is float and 0 <= value < _LONGEST:  # most
        return value
    number = value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            number = None
    if (
        isinstance(number, int | float)
        and not isinstance(number, bool)
        and 0 <= number < _LONGEST
        and math.isfinite(number)
    ):
        return number
    raise FieldError(f"{key} {brief(value)} is no time", f"write {key} in seconds")


def channel(row: Mapping[str, Any], key: str) -> int | None:
    """Return which channel of the audio is meant, from 0; None means the mean of all.

    Raises:
        FieldError: it is no channel, or several.
    """
    value = row.get(key)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or value in ("", "average"):
        return None
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 6:
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 65_536:
        return value
    raise FieldError(f"{key} {brief(value)} is no channel", "name one channel, counted from 0")


def attributes(row: Mapping[str, Any], but: Iterable[str]) -> dict[str, str]:
    """Return all other keys that say something, as strings."""
    own = frozenset(but)
    return {
        key: value if isinstance(value, str) else _as_text(value)
        for key, value in row.items()
        if key not in own and value is not None
    }


def _as_text(value: object) -> str:
    return str(value) if type(value) is int else json.dumps(value, default=str)


def split_of(word: str) -> str | None:
    """Return the split that the name of a file or folder stands for; None where it names none."""
    word = word.lower().split("-")[0]
    word = _SAME_SPLIT.get(word, word)
    return word if word in KNOWN_SPLITS else None


def brief(value: object) -> str:
    """Return a value as it may stand in a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
