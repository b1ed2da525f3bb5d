"""Options that a suite gives to a scheme or an attack: held against what it can take."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from targets.core.errors import OverheardError


def made_with(
    what: str,
    make: Callable[..., Any],
    own: Mapping[str, Any],
    promise: Mapping[str, float],
    options: Mapping[str, Any],
) -> Any:
    """Return what `make` makes; `own` options are its entry's, and none of a suite's.

    Raises:
        OverheardError: there is no such option, or it cannot have that value; `what` names it.
    """
    taken = {*own, "epsilon"}
    known = [name for name in inspect.signature(make).parameters if name not in taken]
    for name, value in options.items():
        if name not in known:
            listed = f"known: {', '.join(known)}" if known else "there are none"
            raise OverheardError(f"{what}: options: no option {name!r} ({listed})")
        problem = _problem(make, name, value)
        if problem is not None:
            raise OverheardError(f"{what}: options: {name} is {value!r}: {problem}")
    try:
        return make(**promise, **options)
    except (TypeError, ValueError) as error:
        raise OverheardError(f"{what}: options: {error}") from None


def _problem(make: Callable[..., Any], name: str, value: object) -> str | None:
    """Return why a value is none that an option can have, None where it can or nobody knows."""
    try:
        hint = typing.get_type_hints(getattr(make, "func", make))[name]
        adapter = TypeAdapter(hint, config=ConfigDict(strict=True))
    except (NameError, KeyError, TypeError, PydanticSchemaGenerationError):
        return None
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        return error.errors()[0]["msg"].replace("Input should", "should")
    return None
