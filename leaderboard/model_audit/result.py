"""What an audit of a model found, as a record: all that a report is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from attacks.statistics.evidence import Noise
from leaderboard.model_audit.canary_table import Row, Share, Side, Written
from leaderboard.model_audit.extraction.draws import Chance, Drawn
from leaderboard.model_audit.extraction.untargeted import Sounds, Untargeted
from leaderboard.model_audit.ranks import Ranking
from leaderboard.model_audit.rules.blind import Blind
from leaderboard.model_audit.rules.probe import Probe
from leaderboard.records.model_audit import ELSEWHERE, SCHEMA_VERSION, Look
from leaderboard.records.numbers import estimate_to_json, number_to_json
from leaderboard.records.run_folder import MODEL_AUDIT
from targets.core.estimate import Estimate
from targets.speech.utterance import Unit

INVERTED = "cannot tell: held-out candidates rank above members"


@dataclass(frozen=True)
class Who:
    """A recogniser that was asked; `cannot` says what it lacks, and why."""

    name: str
    kind: str
    digest: str | None
    cannot: Mapping[str, str]


@dataclass(frozen=True)
class Result:
    """One audit.

    `asked` of `candidates` were asked about; `answers` came, `failures` counts those that did not,
    by reason; `empty` counts transcripts without a word. `wer` is the word error rate on members
    and on what was held out. `attack` is the one that audits, fixed before any answer; `bound` is
    what it proves, `verdict` what that says of the claim. `rankings` are by attack and group,
    `how` what each attack is. `worst` are ids of the members that the attack is surest of.
    `absent` says what did not run, and why; `advice` what to do next. `blind` says how well members
    are told without the model; `design` is "observational" where no coin was tossed. `untargeted`
    says what was written where nobody said it, `draws` how likely secrets are within many draws,
    `probes` what is read off the states of the encoder.

    `looks` are all bounds that were made of these coins, this one the one of number `look`;
    `together` is the bound at the level at which all of them hold with 95 %. `exposure` is that of
    canaries said once. `name` and `scheme` are what tables call the model and its training.
    """

    overheard: str
    planted: str
    unit: Unit
    candidates: int
    asked: int
    model: Who
    base: Who | None
    references: tuple[Who, ...]
    answers: int
    failures: Mapping[str, int]
    empty: int
    wer: Mapping[str, Estimate]
    delta: float
    noise: Noise
    claimed_epsilon: float | None
    attack: str
    bound: Estimate
    verdict: str
    rankings: Mapping[str, Mapping[str, Ranking]]
    how: Mapping[str, str]
    canaries: tuple[Row, ...]
    written: tuple[Written, ...]
    worst: tuple[str, ...]
    absent: Mapping[str, str]
    exposure: Estimate
    looks: tuple[Look, ...]
    look: int
    together: Estimate
    name: str
    blind: Blind | None = None
    design: str = "one_run"
    untargeted: Untargeted | None = None
    draws: tuple[Drawn, ...] = ()
    probes: tuple[Probe, ...] = ()
    advice: tuple[str, ...] = ()
    scheme: str = ELSEWHERE

    def to_json(self) -> dict[str, Any]:
        """Return an object of JSON; numbers travel as in every record.

        `leaderboard.records.model_audit.ModelAudit` reads what tables need of it.
        """
        return {"schema_version": SCHEMA_VERSION, "kind": MODEL_AUDIT, **_object(self)}


_PARTS = (Blind, Chance, Drawn, Probe, Ranking, Row, Share, Side, Sounds, Untargeted, Who, Written)


def _object(value: Any) -> dict[str, Any]:
    return {field.name: _json(getattr(value, field.name)) for field in fields(value)}


def _json(value: Any) -> Any:
    if isinstance(value, Estimate):
        return estimate_to_json(value)
    if isinstance(value, Look):
        return value.model_dump(mode="json")
    if isinstance(value, _PARTS):
        return _object(value)
    if isinstance(value, Mapping):
        return {name: _json(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    return number_to_json(value) if isinstance(value, float) else value
