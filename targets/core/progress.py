"""How far the work at hand is, told to whoever listens.

Ambient, so that the signatures of schemes and attacks stay about speech: a submitter's training
loop may call `report` or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[float], object]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def report(fraction: float) -> None:
    """Tell that `fraction` (0 to 1) of the current stage is done."""
    listener = _listener.get()
    if listener is not None:
        listener(fraction)


@contextmanager
def stage(begin: float, end: float) -> Iterator[None]:
    """Report what happens inside as the part from `begin` to `end` of the whole."""
    outer = _listener.get()
    inner = None if outer is None else lambda f: outer(begin + (end - begin) * f)
    with listening(inner):
        yield


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Send the reports made inside to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
