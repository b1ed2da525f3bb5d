"""What the parts of a suite are made of: strict immutable models, and fields that several share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from defenses.registry import SCHEMES
from targets.core.errors import OverheardError
from targets.core.registry import Registry
from targets.models.registry import TARGETS

Scalar = bool | int | float | str

DEVICE = r"^(auto|cpu|cuda|cuda:[0-9]+|mps)$"
NAME = r"^[a-z0-9][a-z0-9._-]*$"  # names become file names
FOLDER = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]


class SuiteError(OverheardError):
    """A mistake in a suite file: one line a mistake, naming the file and the key."""


def some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values of a list that must not be empty."""
    # Not `min_length`: that would also complain of every list whose items are wrong.
    if not values:
        raise ValueError("is empty")
    return values


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values of a list in which none may stand twice."""
    if len(set(values)) < len(values):
        raise ValueError("holds the same value twice")
    return values


def known(name: str, registry: Registry[Any]) -> str:
    """Return a name that a registry has to have."""
    if name not in registry:
        raise ValueError(
            f"no such {registry.kind}: '{name}' (known: {', '.join(registry.names())})"
        )
    return name


# A suite names what is installed here; a record may tell of a package that is not.
Name = Annotated[str, Field(pattern=NAME)]
Target = Annotated[Name, AfterValidator(lambda name: known(name, TARGETS))]
SchemeName = Annotated[Name, AfterValidator(lambda name: known(name, SCHEMES))]

T = TypeVar("T")
Set = Annotated[tuple[T, ...], AfterValidator(some), AfterValidator(distinct)]


class Frozen(BaseModel):
    """Immutable, and no key but those it knows; numbers are not guessed from words."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields changed; what was computed from them is forgotten."""
        copied = super().model_copy(update=update, deep=deep)
        for name in set(vars(copied)) - set(type(self).model_fields):
            del vars(copied)[name]
        return copied


def without_defaults(
    model: Frozen, content: dict[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    """Return the content of a model without those keys that have their default.

    Such keys were added later: what was made before them keeps its digest.
    """
    return {
        key: value
        for key, value in content.items()
        if key not in names or getattr(model, key) != type(model).model_fields[key].default
    }


class Options(Frozen):
    """A name from a fixed list and the scalars passed to what it names."""

    options: dict[str, Any] = {}
    """What is passed by name: scalars only."""

    @field_validator("options")
    @classmethod
    def _scalars(cls, options: dict[str, Any]) -> dict[str, Scalar]:
        for key, value in options.items():
            if not isinstance(value, Scalar):
                raise ValueError(f"'{key}' should be a number, a word, true or false")
        return options
