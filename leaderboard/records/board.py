"""What a reader may conclude of every row of a board, from its record and from how many there are.

Each row's own audited ε may exceed a true ε in one audit of twenty; of fifty true rows two or three
would do so. `falsified` is held for the board as a whole: all rows of a folder together are falsely
accused at most once in twenty (Holm 1979) by the suite's own audits; at most once in twenty by all
attacks that were submitted later; and by audits of the mechanisms. An audit of a mechanism that
several rows share is one hypothesis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from attacks.statistics.verdict import Verdict, holm, verdict
from leaderboard.records.attack_result import ERROR, AttackResult
from leaderboard.records.mechanism_audit import MechanismAudit, audit_of
from leaderboard.records.record import Record
from leaderboard.records.strongest import results_on, strongest

BY_CHANCE = "cannot tell: chance among so many rows"
_SAID: dict[Verdict, str] = {
    "consistent": "ok",
    "nothing claimed": "ok",
    # Its own audit alone is above the claim.
    "falsified": BY_CHANCE,
}


@dataclass(frozen=True)
class Board:
    """What is known of the rows of a board together: submitted attacks, audits, each row's status.

    `judged` is by the name of the cell.
    """

    found: Sequence[AttackResult] = ()
    audits: Sequence[MechanismAudit] = ()
    judged: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        records: Sequence[Record],
        found: Sequence[AttackResult] = (),
        audits: Sequence[MechanismAudit] = (),
    ) -> Board:
        """Return the board of the records that count in one folder."""
        judged = statuses(records, found, audits)
        ids = [record.cell.id for record in records]
        return cls(found, audits, dict(zip(ids, judged, strict=True)))

    def status(self, record: Record) -> str:
        """Return the status of a record on this board, or its own where the board has none."""
        return self.judged.get(record.cell.id, record.status)


NO_BOARD = Board()


class _Hypothesis(NamedTuple):
    """What may be rejected, by how much is against it, and the places of the records it is of."""

    p_value: float
    places: tuple[int, ...]


def statuses(
    records: Sequence[Record],
    found: Sequence[AttackResult] = (),
    audits: Sequence[MechanismAudit] = (),
) -> list[str]:
    """Return the status of each record that counts on a board, in the light of all the others.

    That of the record; or `falsified`; or what its audit cannot tell. `found` are what submitted
    attacks found there, `audits` what canaries proved of the mechanisms.
    """
    results = [results_on(record, found) for record in records]
    promising = [n for n, record in enumerate(records) if _promised(record) is not None]
    false: set[int] = set()
    for hypotheses in (
        [_Hypothesis(_own_p_value(records[n]), (n,)) for n in promising],
        [_Hypothesis(_submitted_p_value(records[n], results[n]), (n,)) for n in promising],
        _of_mechanisms(records, promising, audits),
    ):
        rejected = holm([each.p_value for each in hypotheses], ERROR)
        for each, is_false in zip(hypotheses, rejected, strict=True):
            false |= set(each.places) if is_false else set()
    return [
        "falsified" if n in false else _own_status(record, results[n])
        for n, record in enumerate(records)
    ]


def _own_status(record: Record, results: Sequence[AttackResult]) -> str:
    if record.status not in ("ok", "falsified"):
        return record.status
    bound = strongest(record, results)["strongest_audited"]
    said = verdict(bound, _promised(record))
    return _SAID.get(said, said)


def _promised(record: Record) -> float | None:
    """Return the ε that an audit of a record holds against it, None where there is none."""
    return record.promised if record.status in ("ok", "falsified") else None


def _own_p_value(record: Record) -> float:
    if verdict(record.audited_epsilon, _promised(record)) != "falsified":
        return 1.0
    # Earlier records do not say how far below the level they would still hold.
    own = 1.0 - record.audited_epsilon.level
    return own if record.audited_p is None else min(own, record.audited_p)


def _submitted_p_value(record: Record, results: Sequence[AttackResult]) -> float:
    """Return the p-value of a claim by all attacks submitted to it, which share the error.

    The nth has 2⁻ⁿ of it. Each has its bounds at the levels of the numbers after its own too: the
    smallest error at which it still exceeds the claim is as good as a p-value.
    """
    claimed, shares = _promised(record), [1.0]
    for result in results:
        for bound in (result.audited_epsilon, *result.audited_later):
            if verdict(bound, claimed) == "falsified":
                shares.append((1.0 - bound.level) * 2.0**result.number)
    return min(shares)


def _of_mechanisms(
    records: Sequence[Record], promising: Sequence[int], audits: Sequence[MechanismAudit]
) -> list[_Hypothesis]:
    """Return a hypothesis for each audit of a mechanism that speaks of any of the records.

    Seeds and targets share a mechanism and its promise, and so the canaries of one audit: it can be
    wrong once, however many records show it. A promise that no audit speaks of cannot be rejected,
    and whether there is one is settled before any canary is drawn.
    """
    spoken_of: dict[int, tuple[MechanismAudit, list[int]]] = {}
    for place in promising:
        audit = audit_of(records[place], audits)
        if audit is not None:
            spoken_of.setdefault(id(audit), (audit, []))[1].append(place)
    return [
        _Hypothesis(_mechanism_p_value(audit), tuple(places))
        for audit, places in spoken_of.values()
    ]


def _mechanism_p_value(audit: MechanismAudit) -> float:
    if audit.p_value is None:
        return 1.0
    # The promise of the audit is that of every record it speaks of.
    return audit.p_value if verdict(audit.audited, audit.epsilon) == "falsified" else 1.0
