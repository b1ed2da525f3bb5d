"""What canaries proved of a mechanism: one file for each mechanism and ε, beside the records.

`audits/<kind>-<scheme>-eps<ε>-<digest>.json` below the folder of a run. Rows of that mechanism show
it. Nothing here imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from math import isclose
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leaderboard.records.record import Code, Measured, Number, Plain, Record, code_now
from leaderboard.records.store import mistake, read_digested, write_digested
from leaderboard.spec.fields import NAME
from targets.core.digests import digest_of
from targets.core.estimate import Estimate
from targets.core.files import PARTIAL

SCHEMA_VERSION: Literal[1] = 1
FOLDER = "audits"  # below the folder of a run
Kind = Literal["mechanism", "worst-case"]
SAME = 1e-6  # relative, of an ε: what two machines may make of one event
NEAR = 0.1  # relative, of an ε: near enough for a worst case that was computed elsewhere


class MechanismAudit(BaseModel):
    """What canaries that were made for a mechanism proved of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this schema; another version is refused."""
    kind: Kind
    """Whether every noisy release was watched, or the final weights alone of a worst case."""
    scheme: str = Field(pattern=NAME)
    """Which scheme."""
    event: str
    """What the mechanism did, as text."""
    delta: float
    """δ of the promise."""
    epsilon: Number
    """The promised ε."""
    audited: Measured
    """The least ε compatible with what was seen."""
    p_value: Annotated[float | None, Field(exclude_if=lambda p: p is None)] = None
    """How often so much would be seen of a mechanism that is as its event says; unknown where
    missing."""
    assumes: str
    """What the bound assumes, in a sentence."""
    settings: dict[str, Plain] = {}
    """Of the audit: what it was made with."""
    scores: int = 0
    """How many scores it rests on."""
    seconds: float = 0.0
    """How long it took."""
    code: Code = Field(default_factory=code_now)
    """Which code ran."""
    made: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    """When, in UTC (ISO 8601)."""


def audit_file(
    out: Path, kind: Kind, scheme: str, event: str, delta: float, epsilon: float
) -> Path:
    """Return where an audit is kept: another mechanism, δ or claim is another audit."""
    digest = digest_of([scheme, event, delta, epsilon])[:8]
    return out / FOLDER / f"{kind}-{scheme}-eps{epsilon:.3g}-{digest}.json"


def write_audit(audit: MechanismAudit, out: Path) -> Path:
    """Write what was proven of a mechanism, with a digest, and return its path."""
    path = audit_file(out, audit.kind, audit.scheme, audit.event, audit.delta, audit.epsilon)
    write_digested(audit.model_dump(mode="json"), path)
    return path


def read_audits(folder: Path) -> list[MechanismAudit]:
    """Return what was proven of the mechanisms of a run.

    Raises:
        RecordError: a file is corrupt, changed since it was written, or of another schema.
    """
    paths = sorted(p for p in (folder / FOLDER).glob("*.json") if not p.name.startswith(PARTIAL))
    found = []
    for path in paths:
        content, _ = read_digested(path, "audit of a mechanism", SCHEMA_VERSION)
        try:
            found.append(MechanismAudit.model_validate_json(json.dumps(content)))
        except ValidationError as error:
            raise mistake(path, error) from None
    return found


@lru_cache(maxsize=1)
def worst_cases() -> tuple[MechanismAudit, ...]:
    """Return the worst cases that come with overheard."""
    return tuple(read_audits(Path(str(files("leaderboard") / "worst_case"))))


def audit_of(record: Record, audits: Sequence[MechanismAudit]) -> MechanismAudit | None:
    """Return what was proven of a record's mechanism at its own settings, if anything was."""
    promise = record.guarantee
    if promise is None or promise.promised is None:
        return None
    return audit_at(audits, record.cell.scheme, str(record.event), promise.delta, promise.promised)


def audit_at(
    audits: Sequence[MechanismAudit], scheme: str, event: str, delta: float | None, epsilon: float
) -> MechanismAudit | None:
    """Return the audit of a scheme's mechanism at an event, δ and promised ε, if there is one.

    ε follows from the other two; another machine's arithmetic makes its last digits others.
    """
    wanted = "mechanism", scheme, event, delta
    found = [
        audit
        for audit in audits
        if (audit.kind, audit.scheme, audit.event, audit.delta) == wanted
        and isclose(audit.epsilon, epsilon, rel_tol=SAME)
    ]
    # The first that was made: which of several counts must not hang on what they found.
    return min(found, key=lambda audit: audit.made, default=None)


def audited_mechanism(record: Record, audits: Sequence[MechanismAudit]) -> Estimate:
    """Return what was proven of a record's mechanism, by watching all that it releases."""
    if record.guarantee is None or record.guarantee.promised is None:
        return Estimate.unscored("nothing is promised")
    found = audit_of(record, audits)
    return found.audited if found else Estimate.unscored("the mechanism was not audited")


def audited_worst_case(record: Record, audits: Sequence[MechanismAudit]) -> Estimate:
    """Return what final weights prove of a record's scheme at its ε, in the worst case known.

    Of the run itself, or of those that come with overheard: then at other settings, which the
    method tells.
    """
    promise = record.guarantee
    if promise is None or promise.promised is None:
        return Estimate.unscored("nothing is promised")
    claimed = promise.promised
    known = [
        audit
        for audit in (*audits, *worst_cases())
        if audit.kind == "worst-case"
        and audit.scheme == record.cell.scheme
        and claimed > 0
        and abs(audit.epsilon / claimed - 1) <= NEAR
    ]
    if not known:
        return Estimate.unscored("no worst case of this scheme and ε is known")
    return max(known, key=lambda audit: audit.audited.low).audited
