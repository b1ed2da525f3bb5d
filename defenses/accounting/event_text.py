"""Events as the text that records keep: what Python prints of an event, read back.

Nothing of a text is run. It is parsed, and may only name the classes of `EVENTS` with arguments
that are numbers, further events, or a list of them.
"""

from __future__ import annotations

import ast

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

from defenses.accounting.event_algebra import NoiseKind, noise_kind
from defenses.accounting.event_json import EventError

MOST_TEXT = 100_000  # characters
# Of every class that is known: its arguments, and the type of each.
EVENTS: dict[type[DpEvent], dict[str, type]] = {
    NoOpDpEvent: {},
    NonPrivateDpEvent: {},
    GaussianDpEvent: {"noise_multiplier": float},
    LaplaceDpEvent: {"noise_multiplier": float},
    PoissonSampledDpEvent: {"sampling_probability": float, "event": DpEvent},
    SelfComposedDpEvent: {"event": DpEvent, "count": int},
    ComposedDpEvent: {"events": list},
}
_BY_NAME = {kind.__name__: kind for kind in EVENTS}


def event_to_text(event: DpEvent) -> str:
    """Return an event as records keep it."""
    return repr(event)


def event_from_text(text: str) -> DpEvent:
    """Return the event that a record keeps as this text.

    Raises:
        EventError: the text is none that `event_to_text` makes of known events.
    """
    if len(text) > MOST_TEXT:
        raise EventError(f"the event is {len(text)} characters long, the limit is {MOST_TEXT}")
    try:
        return _event(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise EventError(f"the text is no event: {error}") from None


def noise_kind_of_text(text: str) -> NoiseKind:
    """Return `noise_kind` of the event that a record keeps; "any" where it cannot be read."""
    try:
        return noise_kind(event_from_text(text))
    except EventError:
        return "any"


def _event(node: ast.expr) -> DpEvent:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args):
        raise EventError("the text is no event: a class with named arguments is expected")
    kind = _BY_NAME.get(node.func.id)
    if kind is None:
        raise EventError(f"{node.func.id} is no known event (known: {', '.join(_BY_NAME)})")
    given = {keyword.arg or "**": keyword.value for keyword in node.keywords}
    wanted = EVENTS[kind]
    if sorted(keyword.arg or "**" for keyword in node.keywords) != sorted(wanted):
        raise EventError(f"{kind.__name__} should have {', '.join(wanted) or 'no arguments'}")
    return kind(**{name: _argument(given[name], of, name) for name, of in wanted.items()})


def _argument(node: ast.expr, of: type, name: str) -> object:
    if of is DpEvent:
        return _event(node)
    if of is list and isinstance(node, ast.List):
        return [_event(inner) for inner in node.elts]
    if isinstance(node, ast.Constant):
        # By the type itself: True is an int to isinstance.
        if type(node.value) is of:
            return node.value
        if of is float and type(node.value) is int:
            return float(node.value)
    raise EventError(f"{name} should be of type {of.__name__}")
