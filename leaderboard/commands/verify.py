"""`overheard verify`: a record made again from its own spec, and held against itself."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.commands.check import Trust
from leaderboard.commands.options import DATA, Data, Device
from leaderboard.experiment.plan import cell_jobs
from leaderboard.experiment.preflight import check_sources, check_speech
from leaderboard.jobs import scheduler
from leaderboard.jobs.job import Job
from leaderboard.jobs.progress import watching
from leaderboard.records import provenance
from leaderboard.records.agreement import agreement, overall, summary
from leaderboard.records.record import Record
from leaderboard.records.run_folder import FOLDER, read_record, read_records
from leaderboard.spec.cell import SUBMISSION
from leaderboard.submissions import sandbox
from leaderboard.submissions.defense_runs import keep, submission_of, submitted_jobs
from leaderboard.submissions.limits import LIMITS
from leaderboard.submissions.sandboxed import SandboxedDefense

DISAGREES = 1


def verify(
    file: Annotated[Path, typer.Argument(metavar="RECORD.json", help="The record of one cell.")],
    data: Data = DATA,
    device: Device = None,
    submission: Annotated[
        Path | None,
        typer.Option(help="The submitted file.", show_default="the one kept beside the record"),
    ] = None,
    trust: Trust = False,
) -> None:
    """Train and attack again what a record describes, in a scratch folder, and compare."""
    record = read_record(file)
    check_sources(record.cell.conditions, data)
    with tempfile.TemporaryDirectory(prefix="overheard-") as scratch:
        jobs = _jobs(record, file, Path(scratch), data, device or "cpu", submission, trust)
        check_speech([record.cell], jobs, data)
        with watching() as progress:
            scheduler.run(jobs, Path(scratch), 1, progress)
        (again,) = read_records(Path(scratch))
    if record.code.commit != provenance.commit():
        typer.echo(f"made by commit {record.code.commit}, now {provenance.commit()}")
    values = agreement(record, again)
    for line in summary(values):
        typer.echo(line)
    verdict = overall(values)
    if verdict == "differs":
        typer.echo(f"{file.name}: does not agree")
        raise typer.Exit(DISAGREES)
    typer.echo(f"{file.name}: agrees, {verdict}")


def _jobs(
    record: Record,
    file: Path,
    out: Path,
    data: Path,
    device: str,
    submission: Path | None,
    trust: bool,
) -> list[Job]:
    cell = record.cell
    if cell.scheme == SUBMISSION:
        sandbox.require(trust, out, data, file.resolve().parent)
        folder = file.resolve().parent
        home = folder.parent if folder.name == FOLDER else folder  # published ones lie flat
        submitted = submission_of(cell, home, submission)
        keep(submitted, out)
        sandboxed = SandboxedDefense(submitted, LIMITS, trust)
        return submitted_jobs([cell], sandboxed, out, data, device)
    return cell_jobs([cell], out, data, device)
