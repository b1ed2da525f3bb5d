"""What a suite chooses by name: schemes, attacks, and the attack that audits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from defenses.registry import SCHEMES
from leaderboard.spec.fields import (
    NAME,
    Frozen,
    Name,
    Options,
    Positive,
    SchemeName,
    Set,
    without_defaults,
)


class Scheme(Options):
    """A defense and the ε values asked of it; `label` tells two settings of one scheme apart."""

    name: SchemeName
    label: str | None = Field(default=None, pattern=NAME)
    epsilon: Set[Positive] | None = None

    @model_validator(mode="after")
    def _epsilon_where_it_means_something(self) -> Scheme:
        takes_epsilon = SCHEMES[self.name].takes_epsilon
        if not takes_epsilon and self.epsilon is not None:
            raise ValueError(f"scheme '{self.name}' takes no 'epsilon'")
        if takes_epsilon and self.epsilon is None:
            raise ValueError(f"scheme '{self.name}' needs 'epsilon', a list of numbers")
        return self


class AttackChoice(Options):
    """An attack that every cell of the suite undergoes."""

    name: Name
    """Which attack."""


Side = Literal["both", "members", "held-out"]  # whom an audit guesses


class Audit(Frozen):
    """What bounds ε, fixed before any score is seen, so that it has the whole level to itself."""

    attack: Name
    """The one attack, of those of the suite."""
    guesses: Annotated[float, Field(gt=0, le=1)] | None = None
    """The share of the candidates to guess on. Null chooses it on the reference models that the
    attack compares with, each as the target of the others, or takes a half where it compares with
    none."""
    side: Side = "both"
    """Whom to guess: as many members as held-out candidates, or one side alone. A loss that stays
    high says "held out" more surely than a low one says "member": some speech is easy anyway."""

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        return without_defaults(self, dump(self), ("side",))
