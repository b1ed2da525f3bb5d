"""The strongest known attack on each entry: those of the suite, and those submitted since.

What a submitted attack found on the weights of one cell is a file of its own, beside the records
and never instead of one: `attacks/<attack>-<digest>/<cell>-<digest of the weights>.json`. So a
figure of privacy can only get worse. Nothing here imports torch.

The nth attack submitted to a run is audited at an error of 0.05 / 2ⁿ, so that all of them together
claim too much at most once in twenty. Each keeps the bounds of the numbers after its own too: where
runs are joined that have a first attack each, one of them becomes the second (`sieges`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from attacks.registry import ATTACKS
from leaderboard.records import provenance
from leaderboard.records.record import Code, Measured, Number, Record, RecordError, Status
from leaderboard.spec.suite import NAME
from targets.core.digests import digest_of
from targets.core.estimate import Estimate
from targets.core.files import PARTIAL, whole_file

FOLDER = "attacks"  # below the folder of a run
ERROR = 0.05  # that all submitted attacks together may claim too much, as the suite's may
SPARE = 16  # numbers by which an attack may move back where runs are joined
TOO_LATE = "too many attacks were submitted before it where runs were joined"
KEYS = ("strongest_auc", "strongest_audited")
TITLES = {"strongest_auc": "strongest AUC", "strongest_audited": "strongest ε"}

FOOTER = """\
strongest AUC    membership AUC of the strongest attack known, submitted ones included
strongest ε      audited ε of the strongest attack known; above ε the promise is false"""


class Siege(BaseModel):
    """What one submitted attack found on the weights of one cell.

    `number` counts the attacks submitted to the run that it was made in. `audited_epsilon` is the
    bound at this number's level, `audited_later` those at the levels of the numbers after it.
    `weights` is the SHA-256 of the file that was attacked, `fingerprint` that of the attack's file
    with all of our code that it is built on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    attack: str = Field(pattern=NAME)
    file: str
    sha256: str
    name: str
    settings: dict[str, Any]
    number: int = Field(ge=1)
    cell: str
    training_digest: str
    # Left out where unknown, so that what was found before they were kept keeps its digest.
    weights: Annotated[str | None, Field(exclude_if=lambda w: w is None)] = None
    fingerprint: Annotated[str | None, Field(exclude_if=lambda f: f is None)] = None
    status: Status
    reason: str | None = None
    leakage: dict[str, Measured] = {}
    audited_epsilon: Measured = Estimate.unscored("not reached")
    audited_later: Annotated[tuple[Measured, ...], Field(exclude_if=lambda a: not a)] = ()
    scores: dict[str, Number] = {}
    seconds: float = 0.0
    code: Code = Field(
        default_factory=lambda: Code(commit=provenance.commit(), dirty=provenance.dirty())
    )
    made: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def entry(self) -> str:
        """Digest of the attack: its file, its class, its settings, what it is built on."""
        parts: list[object] = [self.sha256, self.name, self.settings]
        return digest_of(parts if self.fingerprint is None else [*parts, self.fingerprint])

    @property
    def called(self) -> str:
        """The attack by name and digest: a name alone could be another's."""
        return f"{self.attack} {self.entry[:8]}"

    def at(self, number: int) -> Siege:
        """Return the same, with the bound that is its share where it is so-manieth of all."""
        bounds = (self.audited_epsilon, *self.audited_later)[number - self.number :]
        bound, *later = bounds or (Estimate.unscored(TOO_LATE),)
        changes = {"number": number, "audited_epsilon": bound, "audited_later": tuple(later)}
        return self.model_copy(update=changes)

    @property
    def content(self) -> dict[str, Any]:
        """The siege as JSON-able values, without its digest."""
        return self.model_dump(mode="json")


def siege_file(out: Path, siege: Siege) -> Path:
    """Return where a siege is kept: another file, class or setting is another attack."""
    of_weights = "" if siege.weights is None else f"-{siege.weights[:8]}"
    folder = out / FOLDER / f"{siege.attack}-{siege.entry[:8]}"
    return folder / f"{siege.cell}{of_weights}.json"


def write_siege(siege: Siege, out: Path) -> None:
    """Write what an attack found, with a digest; only what failed may be written again.

    Raises:
        RecordError: it is there already.
    """
    path = siege_file(out, siege)
    if path.exists() and read_siege(path).status != "failed":
        raise RecordError(f"{path}: exists; what an attack found is never overwritten")
    content = siege.content
    content["digest"] = digest_of(content)
    with whole_file(path) as aside:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")


def read_siege(path: Path) -> Siege:
    """Read what an attack found.

    Raises:
        RecordError: it is corrupt, or changed since it was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stored = content.pop("digest")
        if stored != digest_of(content):
            raise RecordError(f"{path}: its content does not match its digest: damaged or edited")
        return Siege.model_validate_json(json.dumps(content))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RecordError(f"{path}: not what an attack found: {type(error).__name__}") from None


def sieges(folder: Path) -> list[Siege]:
    """Return what all submitted attacks found in a run, each with a number that is its own.

    Where runs were joined, two attacks may have been made under one number. Then the one made later
    moves behind the other, and what it proves is read at its new level. Neither number nor time
    depends on what an attack found, so that the order does not either.
    """
    paths = sorted(p for p in (folder / FOLDER).glob("*/*.json") if not p.name.startswith(PARTIAL))
    found = [read_siege(path) for path in paths]
    attacks: dict[str, list[Siege]] = {}
    for siege in found:
        attacks.setdefault(siege.called, []).append(siege)

    def turn(called: str) -> tuple[int, str, str]:
        own = attacks[called]
        return max(s.number for s in own), min(s.made for s in own), called

    numbers, last = dict[str, int](), 0
    for called in sorted(attacks, key=turn):
        numbers[called] = last = max(last + 1, turn(called)[0])
    return [siege.at(numbers[siege.called]) for siege in found]


def strongest(record: Record, found: Sequence[Siege]) -> dict[str, Estimate]:
    """Return the largest membership AUC and audited ε of a record, whoever's attack gave it.

    A figure carries its attack in `method`, and that attack's own interval.
    """
    on_it = on(record, found)
    known = {
        name: figures["auc"]
        for name, figures in record.leakages.items()
        if name in ATTACKS and ATTACKS[name].family == "membership" and "auc" in figures
    }
    known |= {s.called: s.leakage["auc"] for s in on_it if "auc" in s.leakage}
    audited = {"the suite's": record.audited_epsilon}
    audited |= {s.called: s.audited_epsilon for s in on_it}
    return {"strongest_auc": _largest(known), "strongest_audited": _largest(audited)}


def disproof(record: Record, found: Sequence[Siege]) -> str | None:
    """Return in a sentence which submitted attack proves more than a record promises, if any."""
    claimed = record.guarantee.epsilon if record.guarantee else None
    if claimed is None:
        return None
    beyond = [
        siege
        for siege in on(record, found)
        if siege.audited_epsilon.scored and siege.audited_epsilon.low > claimed
    ]
    if not beyond:
        return None
    best = max(beyond, key=lambda siege: siege.audited_epsilon.low)
    proven = best.audited_epsilon.low
    return f"The attack {best.attack}, submitted later, proved at least ε = {proven:.3g}."


def status(record: Record, found: Sequence[Siege]) -> Status:
    """Return the status of a record in the light of what submitted attacks found."""
    return "falsified" if disproof(record, found) else record.status


def on(record: Record, found: Sequence[Siege]) -> list[Siege]:
    """Return the sieges of a record's own weights that came to an end."""
    return [
        siege
        for siege in found
        if record.status in ("ok", "falsified")
        and siege.cell == record.cell.id
        and siege.training_digest == record.cell.training_digest
        and (None in (siege.weights, record.weights) or siege.weights == record.weights)
        and siege.status == "ok"
    ]


def _largest(known: Mapping[str, Estimate]) -> Estimate:
    scored = {name: e for name, e in known.items() if e.scored}
    if not scored:
        return Estimate.unscored("no attack on it is known")
    name = max(scored, key=lambda n: scored[n].value)
    best = scored[name]
    return Estimate(
        best.value, best.low, best.high, best.level, f"{best.method} ({name})", best.ceiling
    )
