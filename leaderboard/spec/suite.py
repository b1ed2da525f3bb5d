"""A suite: what is trained, under which schemes, and how it is attacked, read from a TOML file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, PrivateAttr, field_validator, model_validator

from attacks.registry import ATTACKS
from defenses.registry import SCHEMES
from leaderboard.spec.cell import Cell, Conditions
from leaderboard.spec.choices import AttackChoice, Scheme
from leaderboard.spec.fields import DEVICE, NAME, Set, SuiteError, Target, known, some
from leaderboard.spec.speech import Speech
from targets.models.registry import TARGETS


class Suite(Conditions):
    """A grid of targets, schemes, ε values and seeds under common conditions."""

    name: str = Field(pattern=NAME)
    description: str
    device: str = Field(default="cpu", pattern=DEVICE)
    """What tensors are made on: cpu, cuda, cuda:N, mps, or auto for an accelerator if there is one.
    Whatever it is, cells stay comparable: it is no condition of theirs."""
    audit_mechanisms: bool = False
    """Whether the mechanism of each scheme is audited at each ε, by canaries made for it: seconds
    each. It is no condition of the cells either."""
    seeds: Set[Annotated[int, Field(ge=0)]]
    more_seeds: dict[Target, Set[Annotated[int, Field(ge=0)]]] = Field(default={})
    """Further seeds of single targets, where all seeds of all would take too long."""
    targets: Set[Target]
    schemes: Annotated[tuple[Scheme, ...], AfterValidator(some)]
    _file: str = PrivateAttr(default="suite")

    @field_validator("attacks")
    @classmethod
    def _attacks_that_there_are(cls, attacks: tuple[AttackChoice, ...]) -> tuple[AttackChoice, ...]:
        for attack in attacks:
            known(attack.name, ATTACKS)
        return attacks

    @field_validator("schemes")
    @classmethod
    def _rows_can_be_told_apart(cls, schemes: tuple[Scheme, ...]) -> tuple[Scheme, ...]:
        labels = [scheme.label or scheme.name for scheme in schemes]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"'{label}' appears twice: give each its own 'label'")
        return schemes

    @model_validator(mode="after")
    def _nothing_is_left_out_of_what_is_made_to_order(self) -> Suite:
        # Not of every `Speech`: records tell of suites from when the key was passed over.
        for name in ("public", "private", "test"):
            speech: Speech = getattr(self.speech, name)
            if speech.source == "embedded" and speech.max_seconds is not None:
                raise ValueError(
                    f"speech.{name}.max_seconds: source 'embedded' is made to order; leave it out"
                )
        return self

    @model_validator(mode="after")
    def _english_for_who_speaks_nothing_else(self) -> Suite:
        speaking = [s.name for s in self.schemes if SCHEMES[s.name].english_alone]
        # What is said are public and private transcripts.
        for name in ("public", "private"):
            speech: Speech = getattr(self.speech, name)
            if speech.languages and speaking:
                raise ValueError(
                    f"scheme '{speaking[0]}' has transcripts said by the rules of English: leave "
                    f"it or speech.{name}.languages out"
                )
        return self

    @model_validator(mode="after")
    def _an_english_voice_for_canaries(self) -> Suite:
        private = self.speech.private
        if self.canaries.count and sum(private.languages.values()) == private.speakers:
            raise ValueError(
                "canaries: no private voice speaks English, to say them: lower "
                "speech.private.languages, or leave canaries out"
            )
        return self

    @model_validator(mode="after")
    def _a_student_for_who_begins_there(self) -> Suite:
        wanting = [s.name for s in self.schemes if SCHEMES[s.name].begins_self_trained]
        if wanting and not self.training.self_training:
            # It would be another scheme under another name.
            raise ValueError(f"scheme '{wanting[0]}' needs 'self_training' above 0")
        return self

    @model_validator(mode="after")
    def _cohorts_that_there_may_be(self) -> Suite:
        # A scheme may not look: whether a cohort is there at all is private where nobody says.
        for scheme in self.schemes:
            cohort = scheme.options.get("cohort")
            if not (cohort and SCHEMES.is_own(scheme.name)):
                continue
            attribute = str(scheme.options.get("attribute", "accent"))
            values = self.speech.private.values_of(attribute)
            if values is not None and cohort not in values:
                raise ValueError(
                    f"scheme '{scheme.label or scheme.name}': options: cohort is {cohort!r}, and "
                    f"the {attribute} of private speakers is {' or '.join(sorted(values))}"
                )
        return self

    @model_validator(mode="after")
    def _a_checkpoint_for_who_begins_there(self) -> Suite:
        pretrained = {name: TARGETS[name].pretrained for name in self.targets}
        if not any(pretrained.values()):
            if self.training.checkpoint is not None or self.tokens == "checkpoint":
                raise ValueError(
                    f"training.checkpoint: target '{self.targets[0]}' begins at none; leave it and "
                    f"tokens = 'checkpoint' out"
                )
            return self
        if not all(pretrained.values()):
            names = ", ".join(name for name, begins in pretrained.items() if not begins)
            raise ValueError(f"targets: pretrained ones have a suite of their own, without {names}")
        if self.training.pretraining is not None:
            raise ValueError(
                f"training.pretraining: target '{self.targets[0]}' has been trained already; "
                f"leave it out"
            )
        if self.training.precision != "single":
            raise ValueError(
                f"training.precision: target '{self.targets[0]}' computes in single precision; "
                f"leave it out"
            )
        if self.training.checkpoint is None:
            raise ValueError(
                f"target '{self.targets[0]}' needs 'training.checkpoint', a folder under the data "
                f"folder"
            )
        if self.tokens != "checkpoint":
            raise ValueError(f"target '{self.targets[0]}' needs tokens = 'checkpoint'")
        return self

    @property
    def conditions(self) -> Conditions:
        """What all cells share."""
        return Conditions(**{name: getattr(self, name) for name in Conditions.model_fields})

    def cells(self) -> list[Cell]:
        """Return every cell: by target, then scheme, then ε, then seed."""
        conditions = self.conditions
        return [
            Cell(
                suite=self.name,
                conditions=conditions,
                target=target,
                scheme=scheme.name,
                label=scheme.label or scheme.name,
                epsilon=epsilon,
                options=scheme.options,
                seed=seed,
            )
            for target in self.targets
            for scheme in self.schemes
            for epsilon in scheme.epsilon or (None,)
            for seed in dict.fromkeys((*self.seeds, *self.more_seeds.get(target, ())))
        ]

    def mistake(self, key: str, problem: str) -> SuiteError:
        """Return an error about a key of this suite that only a later stage could see."""
        return SuiteError(f"{self._file}: {key}: {problem}")
