"""A record: everything one cell of a suite gave, in one JSON file that is never overwritten.

How numbers travel: JSON has no NaN and no infinity, so that an unscored value is `null` and an
endless bound is the string "inf" or "-inf". A missing ceiling is `null` too.

Append-only: the first record of a cell is `<cell>.json`; what corrects it is `<cell>.2.json`,
then `<cell>.3.json`, each naming in `supersedes` the digest of the one before. The last counts.

Each file carries the SHA-256 of its own content. That catches damage and careless edits; it is no
signature, and does not stop a forger who recomputes it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    ValidationError,
)

from leaderboard.records import provenance
from leaderboard.spec.suite import Cell
from targets.core.digests import digest_of
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from targets.core.files import PARTIAL, whole_file
from targets.speech.utterance import Unit

SCHEMA_VERSION: Literal[1] = 1
FOLDER = "records"  # below the folder of a run

_ESTIMATE_KEYS = ("value", "low", "high", "level", "method", "ceiling")

Status = Literal["ok", "falsified", "failed", "disqualified"]


class RecordError(OverheardError):
    """A record that cannot be trusted or must not be written: one line naming the file."""


def number_to_json(value: float | None) -> float | str | None:
    """Return a number as JSON can carry it: NaN as null, infinities as "inf" and "-inf"."""
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return float(value)


def number_from_json(value: object) -> float:
    """Return the number that `number_to_json` wrote.

    Raises:
        ValueError: it is no number.
    """
    if value is None:
        return math.nan
    if value in ("inf", "-inf"):
        return float(str(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError('should be a number, null, "inf" or "-inf"')
    return float(value)


def estimate_to_json(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as an object of JSON-able values."""
    return {
        "value": number_to_json(estimate.value),
        "low": number_to_json(estimate.low),
        "high": number_to_json(estimate.high),
        "level": number_to_json(estimate.level),
        "method": estimate.method,
        "ceiling": number_to_json(estimate.ceiling),
    }


def estimate_from_json(value: object) -> Estimate:
    """Return the estimate that `estimate_to_json` wrote; an Estimate passes unchanged.

    Raises:
        ValueError: keys are missing, unknown or of the wrong type.
    """
    if isinstance(value, Estimate):
        return value
    if not isinstance(value, Mapping) or set(value) != set(_ESTIMATE_KEYS):
        raise ValueError(f"should be an object with {', '.join(_ESTIMATE_KEYS)}")
    if not isinstance(value["method"], str):
        raise ValueError("'method' should be text")
    return Estimate(
        value=number_from_json(value["value"]),
        low=number_from_json(value["low"]),
        high=number_from_json(value["high"]),
        level=number_from_json(value["level"]),
        method=value["method"],
        ceiling=None if value["ceiling"] is None else number_from_json(value["ceiling"]),
    )


def plain(value: object) -> JsonValue:
    """Return a value as JSON can carry it: tuples as arrays, NaN and infinities as everywhere."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return number_to_json(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    raise ValueError(f"{type(value).__name__} has no place in a record")


Measured = Annotated[
    Estimate, PlainValidator(estimate_from_json), PlainSerializer(estimate_to_json)
]
Plain = Annotated[JsonValue, BeforeValidator(plain)]
Number = Annotated[float, PlainValidator(number_from_json), PlainSerializer(number_to_json)]


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
    """Name of the GPU; null where none was used."""


def hardware_of(device: str) -> Hardware:
    """Return what something runs on, given the device that its tensors are made on."""
    return Hardware(
        cpu=provenance.cpu(),
        cores=provenance.cores(),
        ram_gib=provenance.ram_gib(),
        accelerator=provenance.accelerator(device),
    )


class Guarantee(_Part):
    """The promise: ε and δ for which unit, under which relation, by whose accounting."""

    epsilon: Annotated[
        Annotated[float, Field(ge=0, allow_inf_nan=False)] | None,
        BeforeValidator(lambda epsilon: None if epsilon == math.inf else epsilon),
    ]
    """ε; null where nothing is promised. Given as infinity, it becomes null."""
    delta: Annotated[float, Field(ge=0, le=1)] | None
    """δ."""
    unit: Unit
    """Whose presence is hidden: an utterance or a speaker."""
    relation: str | None
    """What neighbouring training sets differ in."""
    accountant: str | None
    """What priced the event."""
    basis: str
    """What the promise rests on: audited code, a claim, or none."""


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
    # These three are left out where empty, so that records from before there were any keep their
    # digests.
    stamps: Annotated[dict[str, str], Field(exclude_if=lambda s: not s)] = {}
    """For each folder of real speech, a digest of its files' names, sizes and texts."""
    weights: Annotated[str | None, Field(exclude_if=lambda w: w is None)] = None
    """SHA-256 of the file of the weights that were attacked; unknown where missing."""
    event: Plain = None
    """What the mechanism did, as text: the `DpEvent` that was priced."""
    guarantee: Guarantee | None = None
    """What it promises; null where the cell gave nothing."""
    wer: Measured = Estimate.unscored("not reached")
    """Word error rate on the test speech, a fraction."""
    wer_members: Measured = Estimate.unscored("not reached")
    """Word error rate on private utterances that were trained on, a fraction."""
    wer_held_out: Measured = Estimate.unscored("not reached")
    """Word error rate on private utterances that were held out, a fraction."""
    leakages: dict[str, dict[str, Measured]] = {}
    """For each attack, each of its figures."""
    audited_epsilon: Measured = Estimate.unscored("not reached")
    """The least ε compatible with what the attacks achieved."""
    coins: dict[str, bool] = {}
    """For each candidate, whether it was trained on."""
    scores: dict[str, dict[str, Number]] = {}
    """For each attack, each candidate's score (higher: rather a member). With the coins, every
    figure can be computed again."""
    notes: dict[str, Plain] = {}
    """What the scheme reports of itself."""
    seconds: dict[str, float] = {}
    """How long each stage took."""
    fingerprints: Annotated[dict[str, str], Field(exclude_if=lambda f: not f)] = {}
    """For the scheme, and for each attack, the SHA-256 of its code; unknown where missing."""
    code: Code = Field(
        default_factory=lambda: Code(commit=provenance.commit(), dirty=provenance.dirty())
    )
    """Which code ran last; what it kept of an earlier record, `supersedes` leads to."""
    packages: dict[str, str] = Field(default_factory=provenance.packages)
    """Versions of Python and of what overheard depends on."""
    hardware: Hardware = Field(default_factory=lambda: hardware_of("cpu"))
    """What it ran on."""
    made: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    """When, in UTC (ISO 8601)."""
    supersedes: str | None = None
    """Digest of the record that this one corrects."""

    @property
    def training_seconds(self) -> float | None:
        """How long training took, with the poll that it shared; None where that is not known."""
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


def write_record(record: Record, run: Path, *, correction: bool = False) -> Path:
    """Write a record below the folder of its run and return its path.

    A failed record gives way to the next attempt at its cell; any other only to a `correction`.

    Raises:
        RecordError: the cell has a record already that must not be superseded.
    """
    chain = _chain(run, record.cell)
    if chain:
        last = _stored(chain[-1])
        if last.record.status != "failed" and not correction:
            raise RecordError(f"{chain[-1]}: exists; a record is never overwritten")
        record = record.model_copy(update={"supersedes": last.digest})
    number = f".{len(chain) + 1}" if chain else ""
    path = run / FOLDER / f"{record.cell.id}{number}.json"
    content = record.content
    content["digest"] = digest_of(content)
    with whole_file(path) as partial:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
    return path


def record_failure(cell: Cell, run: Path, reason: str) -> None:
    """Write down that the last attempt at a cell failed, and why."""
    write_record(failed_record(cell, reason), run, correction=True)


def history(run: Path, cell: Cell) -> list[Record]:
    """Return the records of a cell, each superseding the one before."""
    return [read_record(path) for path in _chain(run, cell)]


def _chain(run: Path, cell: Cell) -> list[Path]:
    """Return the files of a cell, each superseding the one before."""
    first = run / FOLDER / f"{cell.id}.json"
    chain = [first] if first.exists() else []
    while chain and (later := first.with_suffix(f".{len(chain) + 1}.json")).exists():
        chain.append(later)
    return chain


class Stored(NamedTuple):
    """A record with its file and the digest that is written there."""

    path: Path
    digest: str
    record: Record


def read_record(path: Path) -> Record:
    """Read one record.

    Raises:
        RecordError: it is corrupt, changed since it was written, or of another schema.
    """
    return _stored(path).record


def _stored(path: Path) -> Stored:
    try:
        content = json.loads(
            path.read_text(encoding="utf-8"),
            parse_constant=_no_constant,
            object_pairs_hook=_each_key_once,
        )
        stored = content.pop("digest", None) if isinstance(content, dict) else None
        actual = digest_of(content)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: no record, not JSON: {error}") from None
    if not isinstance(content, dict) or "schema_version" not in content:
        raise RecordError(f"{path}: no record of overheard, it has no schema_version")
    if content["schema_version"] != SCHEMA_VERSION:
        raise RecordError(
            f"{path}: schema version {content['schema_version']}, this code reads {SCHEMA_VERSION}"
        )
    if stored != actual:
        raise RecordError(f"{path}: its content does not match its digest: damaged or edited")
    try:
        return Stored(path, actual, Record.model_validate_json(json.dumps(content)))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise RecordError(f"{path}: {key}: {first['msg']}") from None


def read_records(folder: Path, conditions: str | None = None) -> list[Record]:
    """Read the records that count: of each cell the last.

    `folder` is that of a run, or the one that holds the records. All records must have been made
    under the same conditions: those with the digest `conditions`, or those of the first.

    Raises:
        RecordError: there are none, or one is corrupt, edited, foreign or superseded by nothing.
    """
    return [stored.record for stored in _last_of_each(_read_all(folder, conditions))]


def read_history(folder: Path, conditions: str | None = None) -> list[Stored]:
    """Read every record of a run, those too that a later one supersedes.

    Raises:
        RecordError: as `read_records`.
    """
    history = _read_all(folder, conditions)
    _last_of_each(history)
    return history


def _read_all(folder: Path, conditions: str | None) -> list[Stored]:
    home = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    if not home.is_dir():
        raise RecordError(f"{folder}: no such folder")
    paths = sorted(p for p in home.glob("*.json") if not p.name.startswith(PARTIAL))
    if not paths:
        raise RecordError(f"{folder}: holds no records")
    history = [_stored(path) for path in paths]
    for path, _, record in history:
        if not re.fullmatch(rf"{re.escape(record.cell.id)}(\.\d+)?\.json", path.name):
            raise RecordError(f"{path}: holds {record.cell.id} under another name")
        made_under = record.cell.conditions.digest
        conditions = conditions or made_under
        if made_under != conditions:
            raise RecordError(
                f"{path}: made under other conditions (speech, canaries, tokens, delta or training "
                f"differ): keep it in another folder"
            )
    return history


def _last_of_each(history: Sequence[Stored]) -> list[Stored]:
    digests = {stored.digest for stored in history}
    superseded = {stored.record.supersedes for stored in history}
    for path, _, record in history:
        if record.supersedes is not None and record.supersedes not in digests:
            raise RecordError(f"{path}: the record it supersedes is missing")
    last = [stored for stored in history if stored.digest not in superseded]
    home: dict[str, Path] = {}
    for path, _, record in last:
        if record.cell.id in home:
            raise RecordError(
                f"{path}: a second record of {record.cell.id}, beside {home[record.cell.id].name}"
            )
        home[record.cell.id] = path
    return last


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _each_key_once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"key '{key}' appears twice")
        content[key] = value
    return content
