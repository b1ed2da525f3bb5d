"""What a submitted attack found: one file for each cell, beside the records, never instead of one.

`attacks/<attack>-<digest>/<cell>-<digest of the weights>.json` below the folder of a run. So a
figure of privacy can only get worse. Nothing here imports torch.

The nth attack submitted to a run is audited at an error of 0.05 / 2ⁿ, so that all of them together
claim too much at most once in twenty. Each keeps the bounds of the numbers after its own too: where
runs are joined that have a first attack each, one of them becomes the second (`read_results`).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leaderboard.records.record import Code, Measured, Number, Status, code_now
from leaderboard.records.store import RecordError, mistake, read_digested, write_digested
from leaderboard.spec.fields import NAME
from targets.core.digests import digest_of
from targets.core.estimate import Estimate
from targets.core.files import PARTIAL

SCHEMA_VERSION: Literal[1] = 1
FOLDER = "attacks"  # below the folder of a run
ERROR = 0.05  # that all submitted attacks together may claim too much, as the suite's may
SPARE = 16  # numbers by which an attack may move back where runs are joined
TOO_LATE = "too many attacks were submitted before it where runs were joined"


class AttackResult(BaseModel):
    """What one submitted attack found on the weights of one cell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this schema; another version is refused."""
    attack: str = Field(pattern=NAME)
    """What the attack is called."""
    file: str
    """Name of the submitted file."""
    sha256: str
    """SHA-256 of that file."""
    name: str
    """The class in it."""
    settings: dict[str, Any]
    """What the class was made with."""
    number: int = Field(ge=1)
    """Which of the attacks submitted to the run that it was made in."""
    cell: str
    """Name of the cell, as of its record's file."""
    training_digest: str
    """SHA-256 of what determines that cell's weights."""
    # Left out where unknown, so that what was found before they were kept keeps its digest.
    weights: Annotated[str | None, Field(exclude_if=lambda w: w is None)] = None
    """SHA-256 of the file that was attacked; unknown where missing."""
    fingerprint: Annotated[str | None, Field(exclude_if=lambda f: f is None)] = None
    """SHA-256 of the attack's file with all of our code that it is built on; unknown where
    missing."""
    access: Annotated[str | None, Field(exclude_if=lambda a: a is None)] = None
    """What its class asked to see of the target: transcripts, scores (losses too) or weights;
    unknown where missing."""
    status: Status
    """`ok`, or why nothing was found: see `reason`."""
    reason: str | None = None
    """Why, in one line, where the status is not `ok`; also, that a promise is disproved."""
    leakage: dict[str, Measured] = {}
    """Each of its figures."""
    audited_epsilon: Measured = Estimate.unscored("not reached")
    """The least ε compatible with what it achieved, at the level of its number."""
    audited_later: Annotated[tuple[Measured, ...], Field(exclude_if=lambda a: not a)] = ()
    """The same at the levels of the numbers after it."""
    scores: dict[str, Number] = {}
    """Each candidate's score (higher: rather a member)."""
    seconds: float = 0.0
    """How long it took."""
    code: Code = Field(default_factory=code_now)
    """Which code ran."""
    made: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    """When, in UTC (ISO 8601)."""

    @property
    def entry(self) -> str:
        """Digest of the attack: its file, its class, its settings, what it is built on."""
        parts: list[object] = [self.sha256, self.name, self.settings]
        return digest_of(parts if self.fingerprint is None else [*parts, self.fingerprint])

    @property
    def label(self) -> str:
        """The attack by name and digest: a name alone could be another's."""
        return f"{self.attack} {self.entry[:8]}"

    def numbered(self, number: int) -> AttackResult:
        """Return the same under another number, with the bound at the level of that number."""
        bounds = (self.audited_epsilon, *self.audited_later)[number - self.number :]
        bound, *later = bounds or (Estimate.unscored(TOO_LATE),)
        changes = {"number": number, "audited_epsilon": bound, "audited_later": tuple(later)}
        return self.model_copy(update=changes)

    @property
    def content(self) -> dict[str, Any]:
        """The result as JSON-able values, without its digest."""
        return self.model_dump(mode="json")


def result_file(out: Path, result: AttackResult) -> Path:
    """Return where a result is kept: another file, class or setting is another attack."""
    of_weights = "" if result.weights is None else f"-{result.weights[:8]}"
    folder = out / FOLDER / f"{result.attack}-{result.entry[:8]}"
    return folder / f"{result.cell}{of_weights}.json"


def write_result(result: AttackResult, out: Path) -> None:
    """Write what an attack found, with a digest; only what failed may be written again.

    Raises:
        RecordError: it is there already.
    """
    path = result_file(out, result)
    if path.exists() and read_result(path).status != "failed":
        raise RecordError(f"{path}: exists; what an attack found is never overwritten")
    write_digested(result.content, path)


def read_result(path: Path) -> AttackResult:
    """Read what an attack found.

    Raises:
        RecordError: it is corrupt, changed since it was written, or of another schema.
    """
    content, _ = read_digested(path, "result of an attack", SCHEMA_VERSION)
    try:
        return AttackResult.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise mistake(path, error) from None


def read_results(folder: Path) -> list[AttackResult]:
    """Return what all submitted attacks found in a run, each with a number that is its own.

    Where runs were joined, two attacks may have been made under one number. Then the one made later
    moves behind the other, and what it proves is read at its new level. Neither number nor time
    depends on what an attack found, so that the order does not either.
    """
    paths = sorted(p for p in (folder / FOLDER).glob("*/*.json") if not p.name.startswith(PARTIAL))
    found = [read_result(path) for path in paths]
    attacks: dict[str, list[AttackResult]] = {}
    for result in found:
        attacks.setdefault(result.label, []).append(result)

    def turn(label: str) -> tuple[int, str, str]:
        own = attacks[label]
        return max(s.number for s in own), min(s.made for s in own), label

    numbers, last = dict[str, int](), 0
    for label in sorted(attacks, key=turn):
        numbers[label] = last = max(last + 1, turn(label)[0])
    return [result.numbered(numbers[result.label]) for result in found]
