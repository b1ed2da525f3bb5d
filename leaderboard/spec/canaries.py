"""Spoken secrets, as a suite asks for them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from leaderboard.spec.fields import Count, Frozen, Positive, Set, distinct, some, without_defaults


class Canaries(Frozen):
    """Spoken secrets that join the private candidates.

    Kinds are dealt out in turn, like the digits of a counter: repetitions turn fastest, then
    templates, speeds, audio. A count that is a multiple of all combinations fills all of them.
    """

    count: int = Field(ge=0)
    """How many."""
    template: str = "pin"
    """The sentence that holds the secret."""
    more_templates: Annotated[tuple[str, ...], AfterValidator(distinct)] = ()
    """Further sentences."""
    repetitions: Annotated[tuple[Count, ...], AfterValidator(some)] = (1,)
    """How many times it is said in an epoch."""
    speeds: Set[Positive] = (1.0,)
    """How fast it is said, relative to the voice's usual pace."""
    audio: Set[Literal["clear", "obscured"]] = ("clear",)
    """Whether the recording lets the secret be heard, or has noise there; both state it."""

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        return without_defaults(self, dump(self), ("more_templates", "speeds", "audio"))

    @property
    def ids(self) -> tuple[str, ...]:
        """The id of each."""
        return tuple(f"canary-{number:04d}" for number in range(self.count))

    @property
    def templates(self) -> tuple[str, ...]:
        """The sentences."""
        return (self.template, *self.more_templates)
