"""The strongest known attack on each entry: those of the suite, and those submitted since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attacks.registry import ATTACKS
from attacks.statistics.verdict import verdict
from leaderboard.records.attack_result import AttackResult
from leaderboard.records.record import Record
from targets.core.estimate import Estimate

KEYS = ("strongest_auc", "strongest_audited")
TITLES = {"strongest_auc": "strongest AUC", "strongest_audited": "strongest ε"}

FOOTER = """\
strongest AUC    membership AUC of the strongest attack known, submitted ones included
strongest ε      audited ε of the strongest attack known; above ε the promise is false"""


def strongest(record: Record, found: Sequence[AttackResult]) -> dict[str, Estimate]:
    """Return the largest membership AUC and audited ε of a record, whoever's attack gave it.

    A figure carries its attack in `method`, and that attack's own interval.
    """
    on_it = results_on(record, found)
    known = {
        name: figures["auc"]
        for name, figures in record.leakages.items()
        if name in ATTACKS and ATTACKS[name].family == "membership" and "auc" in figures
    }
    known |= {s.label: s.leakage["auc"] for s in on_it if "auc" in s.leakage}
    audited = {"the suite's": record.audited_epsilon}
    audited |= {s.label: s.audited_epsilon for s in on_it}
    return {"strongest_auc": _largest(known), "strongest_audited": _largest(audited)}


def disproof(record: Record, found: Sequence[AttackResult]) -> str | None:
    """Return in a sentence which submitted attack proves more than a record promises, if any."""
    claimed = record.promised
    if claimed is None:
        return None
    beyond = [
        result
        for result in results_on(record, found)
        if verdict(result.audited_epsilon, claimed) == "falsified"
    ]
    if not beyond:
        return None
    best = max(beyond, key=lambda result: result.audited_epsilon.low)
    proven = best.audited_epsilon.low
    return f"The attack {best.attack}, submitted later, proved at least ε = {proven:.3g}."


def results_on(record: Record, found: Sequence[AttackResult]) -> list[AttackResult]:
    """Return what attacks found on a record's own weights, those that came to an end."""
    return [
        result
        for result in found
        if record.status in ("ok", "falsified")
        and result.cell == record.cell.id
        and result.training_digest == record.cell.training_digest
        and (None in (result.weights, record.weights) or result.weights == record.weights)
        and result.status == "ok"
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
