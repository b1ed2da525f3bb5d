"""Whether two records of one cell say the same, value by value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from leaderboard.records.record import Record

Verdict = Literal["exact", "within tolerance", "within its interval", "differs"]
ORDER: tuple[Verdict, ...] = ("exact", "within tolerance", "within its interval", "differs")

RELATIVE, ABSOLUTE = 1e-5, 1e-8  # what sums of floats in another order may come to
# Of when and where, which nobody can repeat; of the speech, `corpora` says what counts, of a
# p-value its bound.
APART = {
    "seconds", "made", "code", "packages", "hardware", "supersedes", "fingerprints", "stamps",
    "audited_p",
}  # fmt: skip
INTERVAL = {"value", "low", "high"}


@dataclass(frozen=True)
class Value:
    """One value of a record and of its repetition."""

    key: str
    recorded: object
    repeated: object
    verdict: Verdict


def agreement(recorded: Record, repeated: Record) -> list[Value]:
    """Return every value that can be repeated, compared."""
    one, other = recorded.content, repeated.content
    return [v for key in one if key not in APART for v in _compare(key, one[key], other.get(key))]


def overall(values: list[Value]) -> Verdict:
    """Return the verdict on a whole record.

    Single scores have no interval of their own, nor have weights, nor the errors of an utterance.
    Where they differ, as between machines, the figures that are made of them decide.
    """
    return max(map(_counted, values), key=ORDER.index, default=ORDER[0])


def _counted(value: Value) -> Verdict:
    both = value.recorded is not None and value.repeated is not None
    loose = value.key == "weights" or value.key.startswith(("scores.", "word_errors."))
    if value.verdict == "differs" and loose and both:
        return "within its interval"
    return value.verdict


def summary(values: list[Value]) -> list[str]:
    """Return one line for each part of the record, and one for each value that differs."""
    parts: dict[str, Counter[Verdict]] = {}
    for v in values:
        parts.setdefault(v.key.partition(".")[0], Counter())[v.verdict] += 1
    lines = []
    for part, counts in parts.items():
        said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ORDER if counts[verdict])
        lines.append(f"{part}: {said}")
    for v in values:
        if _counted(v) == "differs":
            lines.append(f"  {v.key}: recorded {v.recorded}, now {v.repeated}")
    return lines


def _compare(key: str, one: Any, other: Any) -> Iterator[Value]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if set(one) >= INTERVAL and set(other) >= INTERVAL:
            yield Value(key, one["value"], other["value"], _of_estimates(one, other))
            return
        for inner in sorted({*one, *other}):
            yield from _compare(f"{key}.{inner}", one.get(inner), other.get(inner))
    else:
        yield Value(key, one, other, _of_values(one, other))


def _of_estimates(one: Mapping[str, Any], other: Mapping[str, Any]) -> Verdict:
    if one["value"] is None and other["value"] is None:
        return "exact"  # neither measured it; for which reason is no value
    worst: Verdict = max((_of_values(one[k], other[k]) for k in one), key=ORDER.index)
    if worst != "differs":
        return worst
    # Each in the other's, at one level: what was recorded does not choose its own tolerance.
    agree = one["level"] == other["level"] and _inside(one, other) and _inside(other, one)
    return "within its interval" if agree else "differs"


def _inside(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether the value of one estimate lies in the interval of the other."""
    value, low, high = one["value"], *(_bound(other[k]) for k in ("low", "high"))
    return _number(value) and low is not None and high is not None and low <= value <= high


def _bound(value: object) -> float | None:
    return None if value is None else float(str(value))


def _of_values(one: Any, other: Any) -> Verdict:
    if one == other and type(one) is type(other):
        return "exact"
    if _number(one) and _number(other):
        close = math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
        return "within tolerance" if close else "differs"
    return "differs"


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
