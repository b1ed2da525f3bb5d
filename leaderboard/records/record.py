"""A record: everything one cell of a suite gave.

Its numbers travel as `leaderboard.records.numbers` says, its files are kept by
`leaderboard.records.run_folder`.
"""

from __future__ import annotations

from collections.abc import Sized
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from defenses.accounting.guarantee import Guarantee
from leaderboard.records import provenance
from leaderboard.records.numbers import (
    estimate_from_json,
    estimate_to_json,
    guarantee_from_json,
    guarantee_to_json,
    number_from_json,
    number_to_json,
    to_json,
)
from leaderboard.spec.cell import Cell
from targets.core.digests import digest_of
from targets.core.estimate import Estimate

SCHEMA_VERSION: Literal[1] = 1
FEWEST_CANDIDATES = 20  # members, and held-out ones, below which a cohort's leakage says nothing

Status = Literal["ok", "falsified", "failed", "disqualified"]

Measured = Annotated[
    Estimate, PlainValidator(estimate_from_json), PlainSerializer(estimate_to_json)
]
Promise = Annotated[
    Guarantee, PlainValidator(guarantee_from_json), PlainSerializer(guarantee_to_json)
]
Plain = Annotated[JsonValue, BeforeValidator(to_json)]
Number = Annotated[float, PlainValidator(number_from_json), PlainSerializer(number_to_json)]


def _as_they_are(values: Any, one_by_one: ValidatorFunctionWrapHandler) -> Any:
    # Nearly all of a record are scores, and nearly all scores are numbers: looked at together they
    # take a tenth of the time.
    if (
        type(values) is dict
        and {*map(type, values)} <= {str}
        and {*map(type, values.values())} <= {float}
    ):
        return dict(values)
    return one_by_one(values)


Numbers = Annotated[dict[str, Number], WrapValidator(_as_they_are)]


def _is_empty(value: Sized) -> bool:
    return not value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Code(_Part):
    """Which code ran."""

    commit: str | None
    """Its git commit; null outside its repository."""
    dirty: bool | None
    """Whether files differed from that commit."""


class Hardware(_Part):
    """What it ran on, without names of machines or users."""

    cpu: str
    """Model name of the processor, or its architecture."""
    cores: int
    """How many of its cores the process might use."""
    ram_gib: float
    """Memory in GiB."""
    accelerator: str | None
    """Name of the GPU that was used; null where none was."""


def code_now() -> Code:
    """Return which code is running."""
    return Code(commit=provenance.commit(), dirty=provenance.dirty())


def hardware_of(device: str = "cpu") -> Hardware:
    """Return what this process runs on; `device` is the one that was used, like "cuda:0"."""
    return Hardware(
        cpu=provenance.cpu(),
        cores=provenance.cores(),
        ram_gib=provenance.ram_gib(),
        accelerator=provenance.accelerator(device),
    )


class Record(_Part):
    """What one cell gave."""

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this schema; another version is refused."""
    cell: Cell
    """What was asked for."""
    status: Status
    """`ok`, or why the entry counts for less: see `reason`."""
    reason: str | None = None
    """Why, in one line, where the status is not `ok`."""
    corpora: dict[str, str] = {}
    """For public, private and test: SHA-256 of their speech."""
    # These are left out where empty, so that records from before there were any keep their
    # digests.
    stamps: Annotated[dict[str, str], Field(exclude_if=lambda s: not s)] = {}
    """For each folder of real speech, a digest of its files' names, sizes and texts."""
    weights: Annotated[str | None, Field(exclude_if=lambda w: w is None)] = None
    """SHA-256 of the file of the weights that were attacked; unknown where missing."""
    event: Plain = None
    """What the mechanism did, as text: the `DpEvent` that was priced."""
    guarantee: Promise | None = None
    """What it promises; null where the cell gave nothing."""
    auc_allowed: Annotated[float | None, Field(exclude_if=lambda a: a is None)] = None
    """The largest membership AUC that the event allows of one unit, from its own trade-off curve;
    unknown where missing."""
    group_epsilon: Annotated[dict[str, Number], Field(exclude_if=_is_empty)] = {}
    """For each number of times that candidates are said, the ε of such a group, at the same δ;
    unknown where missing."""
    wer: Measured = Estimate.unscored("not reached")
    """Word error rate on the test speech, a fraction."""
    wer_members: Measured = Estimate.unscored("not reached")
    """Word error rate on private utterances that were trained on, a fraction."""
    wer_held_out: Measured = Estimate.unscored("not reached")
    """Word error rate on private utterances that were held out, a fraction."""
    word_errors: Annotated[dict[str, dict[str, tuple[int, int]]], Field(exclude_if=_is_empty)] = {}
    """For each test speaker, for each of their utterances: word errors, and words of the reference.
    Rows with the same test speech are compared by these, utterance by utterance; unknown where
    missing."""
    leakages: dict[str, dict[str, Measured]] = {}
    """For each attack, each of its figures."""
    audited_epsilon: Measured = Estimate.unscored("not reached")
    """The least ε compatible with what the attacks achieved."""
    audited_p: Annotated[float | None, Field(exclude_if=lambda p: p is None)] = None
    """Where that exceeds the promise: the least error at which it still would. Every row of a board
    is judged by it together with the others."""
    access: Annotated[dict[str, str], Field(exclude_if=lambda a: not a)] = {}
    """For each attack, what it saw of the target: transcripts, scores (losses too) or weights;
    unknown where missing."""
    coins: dict[str, bool] = {}
    """For each candidate, whether it was trained on."""
    speakers: Annotated[dict[str, tuple[str, ...]], Field(exclude_if=_is_empty)] = {}
    """For each private speaker, the candidates that they said; unknown where missing."""
    cohorts: Annotated[dict[str, dict[str, str]], Field(exclude_if=_is_empty)] = {}
    """For each private and each test speaker, what the corpus says of them: gender, accent, age,
    language; if it says nothing of anybody, a group of those that sound alike (`voice`); unknown
    where missing."""
    repetitions: Annotated[dict[str, int], Field(exclude_if=_is_empty)] = {}
    """For each candidate that is said more than once an epoch, how often. Such a candidate is a
    group, and its coin no evidence on the ε of one utterance."""
    scores: dict[str, Numbers] = {}
    """For each attack, each candidate's score (higher: rather a member). With the coins, every
    figure can be computed again."""
    notes: dict[str, Plain] = {}
    """What the scheme reports of itself."""
    seconds: dict[str, float] = {}
    """How long each stage took."""
    fingerprints: Annotated[dict[str, str], Field(exclude_if=lambda f: not f)] = {}
    """For the scheme, and for each attack, the SHA-256 of its code; unknown where missing."""
    code: Code = Field(default_factory=code_now)
    """Which code ran last; what it kept of an earlier record, `supersedes` leads to."""
    packages: dict[str, str] = Field(default_factory=provenance.packages)
    """Versions of Python and of what overheard depends on."""
    hardware: Hardware = Field(default_factory=hardware_of)
    """What it ran on."""
    made: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    """When, in UTC (ISO 8601)."""
    supersedes: str | None = None
    """Digest of the record that this one corrects."""

    @property
    def promised(self) -> float | None:
        """The ε that is promised, None where none is."""
        return None if self.guarantee is None else self.guarantee.promised

    @property
    def training_seconds(self) -> float | None:
        """How long training took, with the votes that it shared; None where that is unknown."""
        training = self.seconds.get("training")
        return None if training is None else training + self.seconds.get("poll", 0.0)

    @property
    def content(self) -> dict[str, Any]:
        """The record as JSON-able values, without its digest."""
        return self.model_dump(mode="json")

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return digest_of(self.content)


def failed_record(cell: Cell, reason: str, status: Status = "failed") -> Record:
    """Return the record of a cell that gave nothing, with the reason in one line."""
    nothing = Estimate.unscored(f"{status}: {reason}")
    return Record(
        cell=cell,
        status=status,
        reason=reason,
        wer=nothing,
        wer_members=nothing,
        wer_held_out=nothing,
        audited_epsilon=nothing,
    )
