"""Events as JSON, so that a description of a mechanism can come from where nothing is trusted.

An event is an object with its `kind` and that kind's own fields, such as
`{"kind": "gaussian", "noise_multiplier": 1.1}`. Only kinds that `defenses.accounting.price` knows
are read, and numbers, depth and size are limited: pricing must not take for ever.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from dp_accounting import (
    ComposedDpEvent,
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    NoOpDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
)

from targets.core.errors import OverheardError

MOST_TEXT = 20_000  # characters of JSON
MOST_PARTS = 24  # events, counting those inside others: different ones are slow to compose
MOST_DEPTH = 10
MOST_COUNT = 10_000_000  # repetitions in one composition
LEAST_NOISE, MOST_NOISE = 1e-3, 1e9  # beyond them accounting costs much and says nothing


class EventError(OverheardError):
    """A description of a mechanism that is no event: one line saying why."""


def event_to_json(event: DpEvent) -> str:
    """Return an event as JSON.

    Raises:
        EventError: it is of an unknown kind, or beyond the limits.
    """
    try:
        text = json.dumps(_plain(event), allow_nan=False, sort_keys=True)
    except (RecursionError, ValueError, TypeError) as error:
        raise EventError(f"the event has no JSON: {error}") from None
    event_from_json(text)
    return text


def event_from_json(text: str) -> DpEvent:
    """Return the event that a JSON text describes.

    Raises:
        EventError: it is not JSON, of an unknown kind, or beyond the limits.
    """
    if len(text) > MOST_TEXT:
        raise EventError(f"the event is {len(text)} characters long, the limit is {MOST_TEXT}")
    try:
        content = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise EventError(f"the event is not JSON: {error}") from None
    return _Reader().event(content, 1)


def _plain(event: DpEvent) -> dict[str, Any]:
    match event:
        case GaussianDpEvent():
            return {"kind": "gaussian", "noise_multiplier": float(event.noise_multiplier)}
        case LaplaceDpEvent():
            return {"kind": "laplace", "noise_multiplier": float(event.noise_multiplier)}
        case PoissonSampledDpEvent():
            inner = _plain(event.event)
            rate = float(event.sampling_probability)
            return {"kind": "poisson_sampled", "sampling_probability": rate, "event": inner}
        case SelfComposedDpEvent():
            return {"kind": "repeated", "count": int(event.count), "event": _plain(event.event)}
        case ComposedDpEvent():
            return {"kind": "composed", "events": [_plain(e) for e in event.events]}
        case NonPrivateDpEvent():
            return {"kind": "non_private"}
        case NoOpDpEvent():
            return {"kind": "no_op"}
    known = ", ".join(_Reader().kinds)
    raise EventError(f"an event may not be a {type(event).__name__} (known kinds: {known})")


class _Reader:
    """Reads one event, and counts how many are in it."""

    def __init__(self) -> None:
        self.parts = 0
        self.kinds: Mapping[str, tuple[set[str], Callable[[Any, int], DpEvent]]] = {
            "no_op": (set(), lambda _, __: NoOpDpEvent()),
            "non_private": (set(), lambda _, __: NonPrivateDpEvent()),
            "gaussian": ({"noise_multiplier"}, lambda c, _: GaussianDpEvent(_noise(c))),
            "laplace": ({"noise_multiplier"}, lambda c, _: LaplaceDpEvent(_noise(c))),
            "poisson_sampled": (
                {"sampling_probability", "event"},
                lambda c, depth: PoissonSampledDpEvent(
                    _number(c, "sampling_probability", 0.0, 1.0), self.event(c["event"], depth)
                ),
            ),
            "repeated": (
                {"count", "event"},
                lambda c, depth: SelfComposedDpEvent(self.event(c["event"], depth), _count(c)),
            ),
            "composed": ({"events"}, lambda c, depth: ComposedDpEvent(self.events(c, depth))),
        }

    def event(self, content: object, depth: int) -> DpEvent:
        self.parts += 1
        if self.parts > MOST_PARTS:
            raise EventError(f"the event has more than {MOST_PARTS} parts")
        if depth > MOST_DEPTH:
            raise EventError(f"the event is nested more than {MOST_DEPTH} deep")
        if not isinstance(content, dict):
            raise EventError(f"an event should be an object, not {type(content).__name__}")
        kind = content.get("kind")
        if not isinstance(kind, str) or kind not in self.kinds:
            raise EventError(f"unknown kind of event (known: {', '.join(self.kinds)})")
        fields, build = self.kinds[kind]
        if set(content) != fields | {"kind"}:
            raise EventError(f"event {kind!r} should have {', '.join(sorted(fields)) or 'nothing'}")
        return build(content, depth + 1)

    def events(self, content: dict[str, Any], depth: int) -> list[DpEvent]:
        if not isinstance(content["events"], list):
            raise EventError("event 'composed': events should be a list")
        return [self.event(inner, depth) for inner in content["events"]]


def _noise(content: dict[str, Any]) -> float:
    return _number(content, "noise_multiplier", LEAST_NOISE, MOST_NOISE)


def _number(content: dict[str, Any], key: str, low: float, high: float) -> float:
    value = content[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EventError(f"{key} should be a number, not {type(value).__name__}")
    # The range first: a whole number may be too large for a float.
    if not (low <= value <= high and math.isfinite(value)):
        raise EventError(f"{key} should be from {low:g} to {high:g}")
    return float(value)


def _count(content: dict[str, Any]) -> int:
    value = content["count"]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_COUNT:
        raise EventError(f"count should be a whole number from 1 to {MOST_COUNT}")
    return value


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number")
