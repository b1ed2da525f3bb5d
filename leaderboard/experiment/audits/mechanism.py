"""Audits the mechanism of a row by canaries made for it, at the row's own settings."""

from __future__ import annotations

from pathlib import Path

from defenses.registry import SCHEMES
from leaderboard.audits.at_settings import MechanismFound, audit_at
from leaderboard.experiment.choices import defense_of
from leaderboard.jobs.job import Report
from leaderboard.records.mechanism_audit import MechanismAudit, write_audit
from leaderboard.records.run_folder import history
from leaderboard.spec.cell import Cell
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from targets.core.progress import listening
from targets.core.randomness import Randomness


def audit_mechanism(cell: Cell, out: Path, *, report: Report) -> None:
    """Audit the mechanism of a cell's last record, and keep what was proven beside the records.

    Where nothing here watches that mechanism, the reason is kept in place of a bound.
    """
    record = history(out, cell)[-1]
    promise = record.guarantee
    assert promise is not None
    assert promise.promised is not None
    assert promise.delta is not None
    event = str(record.event)
    rng = Randomness(cell.seed).child("audit-mechanism", cell.scheme, event)
    try:
        with listening(report):
            found = audit_at(
                SCHEMES[cell.scheme].canaries,
                defense_of(cell),
                event,
                promise.delta,
                promise.promised,
                rng,
                record.notes,
            )
    except OverheardError as error:
        found = MechanismFound(Estimate.unscored(str(error)), 1.0, "", 0, 0.0)
    audit = MechanismAudit(
        kind="mechanism",
        scheme=cell.scheme,
        event=event,
        delta=promise.delta,
        epsilon=promise.promised,
        audited=found.audited,
        p_value=found.p_value,
        assumes=found.assumes,
        settings={"target": cell.target, "seed": cell.seed, "label": cell.label},
        scores=found.scores,
        seconds=found.seconds,
    )
    write_audit(audit, out)
