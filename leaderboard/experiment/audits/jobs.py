"""The jobs that audit the mechanisms of a suite: one for each scheme and ε, after its first cell.

They are planned here, without importing what they import.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from defenses.registry import SCHEMES
from leaderboard.jobs.job import Job, Named
from leaderboard.records.mechanism_audit import audit_at, read_audits
from leaderboard.records.run_folder import glances
from leaderboard.spec.cell import Cell

AUDIT = Named("leaderboard.experiment.audits.mechanism", "audit_mechanism")
WEIGHT = 0.1  # of how long one takes, relative to a cell


def audit_jobs(cells: Sequence[Cell], out: Path) -> list[Job]:
    """Return the jobs that audit the mechanisms of cells; seeds and targets share a mechanism."""
    first: dict[tuple[str, float | None], Cell] = {}
    for cell in cells:
        if cell.scheme in SCHEMES and SCHEMES[cell.scheme].canaries is not None:
            first.setdefault((cell.label, cell.epsilon), cell)
    return [
        Job(
            id=f"audit-{label}-eps{epsilon:g}",
            function=AUDIT,
            arguments=(cell, out),
            finished=partial(is_audited, out, cell),
            needs=(cell.id,),
            weight=WEIGHT,
        )
        for (label, epsilon), cell in first.items()
    ]


def is_audited(out: Path, cell: Cell) -> bool:
    """Return whether the mechanism of a cell's last record is audited, or promises nothing."""
    found = glances(out, cell)
    if not found:
        return False
    record = found[-1].record
    if record.status == "failed":  # it is tried again, and then there is something to audit
        return False
    promise = record.guarantee
    if promise is None or promise.promised is None or promise.delta is None:
        return True
    kept = read_audits(out)
    done = audit_at(kept, cell.scheme, str(record.event), promise.delta, promise.promised)
    return done is not None
