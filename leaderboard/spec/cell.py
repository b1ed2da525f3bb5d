"""One entry of the grid of a suite, and the conditions that it shares with the others."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from attacks.registry import ATTACKS
from leaderboard.spec.canaries import Canaries
from leaderboard.spec.choices import AttackChoice, Audit
from leaderboard.spec.fields import NAME, Frozen, Name, Positive, distinct, some, without_defaults
from leaderboard.spec.speech import Splits
from leaderboard.spec.training import Training
from targets.core.digests import digest_of

SUBMISSION = "submission"  # the scheme of a cell that nobody here wrote


class Conditions(Frozen):
    """What all cells of a suite share; cells stay comparable under other attacks or audits."""

    tokens: Literal["characters", "subwords", "checkpoint"] = "characters"
    """What the target writes; of a pretrained one, the labels of its checkpoint."""
    unit: Literal["utterance", "speaker"] = "utterance"
    """What a coin is tossed for, and so whose membership is attacked and audited."""
    delta: Annotated[float, Field(gt=0, lt=1)] | None = None
    """δ that every scheme is priced at; null derives it from the number of candidates."""
    speech: Splits
    """Whose speech."""
    canaries: Canaries = Canaries(count=0)
    """Spoken secrets."""
    training: Training
    """How every target is built and trained."""
    attacks: Annotated[tuple[AttackChoice, ...], AfterValidator(some)]
    """What every target undergoes."""
    audit: Audit | None = None
    """What bounds ε; null shares the level among all attacks that are made for it."""

    @model_serializer(mode="wrap")
    def _without_what_goes_without_saying(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        return without_defaults(self, dump(self), ("unit", "audit"))

    @field_validator("attacks")
    @classmethod
    def _each_attack_once(cls, attacks: tuple[AttackChoice, ...]) -> tuple[AttackChoice, ...]:
        distinct(tuple(attack.name for attack in attacks))
        return attacks

    @model_validator(mode="after")
    def _secrets_for_the_canary_attack(self) -> Conditions:
        wanting = [
            a.name for a in self.attacks if a.name in ATTACKS and ATTACKS[a.name].needs_canaries
        ]
        if self.canaries.count == 0 and wanting:
            raise ValueError(f"attack '{wanting[0]}' needs [canaries] with a 'count' above 0")
        return self

    @model_validator(mode="after")
    def _an_audit_by_an_attack_of_the_suite(self) -> Conditions:
        if self.audit is None:
            return self
        name = self.audit.attack
        own = [a.name for a in self.attacks]
        if name not in own:
            raise ValueError(f"audit.attack: '{name}' is none of the suite's: {', '.join(own)}")
        if name in ATTACKS and ATTACKS[name].family != "membership":
            raise ValueError(f"audit.attack: '{name}' does not tell members: use a membership one")
        return self

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what comparable cells share: everything but the attacks and the audit."""
        return digest_of(self.model_dump(mode="json", exclude={"attacks", "audit"}))


class Cell(Frozen):
    """One entry of the grid: a target trained under one scheme at one ε with one seed."""

    suite: str = Field(pattern=NAME)
    """Name of the suite."""
    conditions: Conditions
    """What all cells of the suite share."""
    target: Name
    """Which recogniser."""
    scheme: Name
    """Which scheme protects it; `submission` is one that was submitted: see `options`."""
    label: str = Field(pattern=NAME)
    """What the row is called: tells two settings of one scheme apart."""
    epsilon: Positive | None
    """ε asked for; null asks for none."""
    options: dict[str, Any]
    """Public hyperparameters of the scheme."""
    seed: int = Field(ge=0)
    """Where all random numbers come from."""

    @property
    def id(self) -> str:
        """A readable name, unique within the suite, fit for a file name."""
        promise = "" if self.epsilon is None else f"-eps{self.epsilon:g}"
        return f"{self.target}-{self.label}{promise}-seed{self.seed}"

    @property
    def spec(self) -> dict[str, Any]:
        """Everything that determines the outcome; the names of suite and row do not."""
        return self.model_dump(mode="json", exclude={"suite", "label"})

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the spec."""
        return digest_of(self.spec)

    @cached_property
    def training_digest(self) -> str:
        """SHA-256 of what determines the weights: the spec without attacks and audit."""
        spec = self.spec
        del spec["conditions"]["attacks"]
        spec["conditions"].pop("audit", None)
        return digest_of(spec)
