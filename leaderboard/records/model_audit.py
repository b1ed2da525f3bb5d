"""The audit of a model that others trained, as tables read it: `audit.json` in a report's folder.

It is no record of a suite's cell, and its game is another: other speech, other coins. Nothing here
imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from attacks.statistics.verdict import verdict
from leaderboard.records.record import Measured
from leaderboard.records.run_folder import FOLDER, MODEL_AUDIT
from leaderboard.records.store import RecordError, mistake, read_digested
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit

SCHEMA_VERSION: Literal[1] = 1
FILE = "audit.json"
ELSEWHERE = "trained elsewhere"  # what stands for a scheme where none is named
HELD_OUT, MEMBERS = "held out", "members"
# The groups whose AUC stands for an attack: the first that there is.
UTTERANCES, EVERYONE = "utterances", "all candidates"
LISTS = "two lists and no coins: what counts is the gain over the blind baseline"


LONGEST = 200  # letters of a name


def shown(name: str) -> str:
    """Return a name as a line of a table can show it."""
    return "".join(c if c.isprintable() else "?" for c in name[:LONGEST]) or "?"


def _as_shown(text: str) -> str:
    if text != shown(text):
        raise ValueError(f"should be one line of at most {LONGEST} letters that can be printed")
    return text


Shown = Annotated[str, AfterValidator(_as_shown)]
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Delta = Annotated[float, Field(ge=0, le=1)]


class _Read(BaseModel):
    # What else is in the file is of the report alone, and under the same digest.
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Look(BaseModel):
    """One bound that was made of the coins of a planted game: how it was chosen, what it proved."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    made: Shown
    """On which day (ISO 8601, UTC)."""
    attack: Shown
    """The attack that audited."""
    base: Shown | None
    """The name of the checkpoint that training began from, where one was given."""
    references: tuple[Shown, ...]
    """The names of models that saw no candidate."""
    asked: int
    """How many candidates were asked about."""
    answered: int
    """How many of them have a score."""
    noise: Literal["any", "gaussian"]
    """Which noise was assumed."""
    delta: Delta
    """δ of the claim."""
    claimed_epsilon: Positive | None
    """The claimed ε; null where nothing was claimed."""
    scores: Shown
    """SHA-256 of the scores."""
    bound: Measured
    """What they prove of ε."""
    verdict: Shown
    """What that says of the claim."""


class Recogniser(_Read):
    """Who was asked."""

    name: str
    """How the person named it."""
    kind: str
    """What it is in one word."""
    digest: str | None
    """SHA-256 over all that determines its answers; null where it cannot be known."""


class Ranked(_Read):
    """How well an attack tells members of a group from those held out."""

    members: int
    """Of them, members."""
    held_out: int
    """Of them, held out."""
    auc: Measured
    """How often a member outranks one that was held out."""
    tpr_at_1pct_fpr: Measured
    """How many members are found at 1 % false alarms."""
    tpr_at_01pct_fpr: Measured
    """How many members are found at 0.1 % false alarms."""


class ModelAudit(_Read):
    """What an audit found of a model that others trained: the keys that tables read."""

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this schema; another version is refused."""
    kind: Literal["model audit"]
    """What this file is."""
    name: Shown
    """What tables call the model."""
    scheme: Shown
    """How it was trained, as its owner says."""
    design: Literal["one_run", "observational"]
    """Whether coins were tossed, or two lists were given."""
    planted: str
    """Digest of the planted folder, or of the lists."""
    unit: Unit
    """What a coin decides about."""
    candidates: int
    """How many there are."""
    asked: int
    """How many were asked about."""
    model: Recogniser
    """The model."""
    base: Recogniser | None
    """What its training began from, where that was given."""
    delta: Delta
    """δ of the claim."""
    noise: Literal["any", "gaussian"]
    """Which noise the bound assumes; `gaussian` holds for DP-SGD alone."""
    claimed_epsilon: Positive | None
    """The claimed ε; null where nothing was claimed."""
    attack: Shown
    """The attack that audits, fixed before any answer."""
    bound: Measured
    """What it proves of ε."""
    together: Measured
    """The same at the level at which all looks hold together with 95 %."""
    verdict: Shown
    """What the bound says of the claim."""
    rankings: dict[str, dict[str, Ranked]]
    """For each attack, for each group of candidates."""
    exposure: Measured
    """Mean exposure in bits of canaries that were trained on and said once."""
    wer: dict[str, Measured]
    """Word error rate on members and on what was held out, a fraction."""
    looks: tuple[Look, ...]
    """Every bound that was made of these coins in that folder, in order, this one among them; none
    where no coins were tossed."""
    look: Annotated[int, Field(ge=0)]
    """Which of them this is, from 1."""

    @model_validator(mode="after")
    def _counts_itself(self) -> Self:
        if self.look > len(self.looks) or (self.look == 0) != (not self.looks):
            raise ValueError(f"look {self.look} of {len(self.looks)} cannot be")
        return self

    @property
    def membership(self) -> Estimate:
        """The AUC of the attack that audits, on speech, or on everybody where there is no other."""
        if self.design == "observational":
            return Estimate.unscored(LISTS)
        groups = self.rankings.get(self.attack, {})
        found = groups.get(UTTERANCES) or groups.get(EVERYONE)
        return found.auc if found else Estimate.unscored("nobody, or one side alone, had a score")

    @property
    def wer_held_out(self) -> Estimate:
        """Word error rate on the corpus's own speech that was held out."""
        return self.wer.get(HELD_OUT, Estimate.unscored("nothing was written of it"))

    @property
    def status(self) -> str:
        """What a table says: `falsified` too where an earlier look contradicts the claim.

        Looks at other δ, or that assume more of the noise, say nothing about it.
        """
        bounds = [
            look.bound
            for look in self.looks
            if look.delta == self.delta and look.noise in ("any", self.noise)
        ]
        if any(verdict(bound, self.claimed_epsilon) == "falsified" for bound in bounds):
            return "falsified"
        return "ok" if self.verdict in ("consistent", "nothing claimed") else self.verdict


def read_model_audit(path: Path) -> ModelAudit:
    """Read the audit of a model.

    Raises:
        RecordError: it is corrupt, changed since it was written, of another kind or schema.
    """
    content, _ = read_digested(path, "audit of a model", SCHEMA_VERSION)
    if content.get("kind") != MODEL_AUDIT:
        raise RecordError(
            f"{path}: is no audit of a model; give the folder of a run, or {FILE} of a report"
        )
    try:
        return ModelAudit.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise mistake(path, error) from None


def runs_and_audits(places: Sequence[Path]) -> tuple[list[Path], list[ModelAudit]]:
    """Return which places are folders of runs, and the audits of models that the others hold.

    An audit is given by its file, or by the folder of its report. A folder may hold both.

    Raises:
        RecordError: an audit cannot be read.
    """
    runs, audits = [], []
    for place in places:
        file = place if place.is_file() else place / FILE
        if file.is_file():
            audits.append(read_model_audit(file))
        if not file.is_file() or _holds_records(place):
            runs.append(place)
    return runs, audits


def _holds_records(place: Path) -> bool:
    others = (path.name for path in place.glob("*.json"))
    return (place / FOLDER).is_dir() or any(name != FILE for name in others)


def of_looks(count: int) -> str:
    """Return what several bounds on the same coins mean for their level."""
    wrong = 5 * count
    return (
        f"of {count} bounds of 95 % on the same coins one may err {wrong} % of the time"
        if wrong < 100
        else f"of {count} bounds of 95 % on the same coins nothing is sure any more"
    )
