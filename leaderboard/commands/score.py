"""`overheard score` and `score-attack`: a submission beside everything that a run has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.commands.check import Place, Settings, Trust
from leaderboard.commands.options import DATA, Data, Device, SuiteName, Workers
from leaderboard.commands.seeds import Fresh, Given, chosen_seeds
from leaderboard.experiment.plan import plan
from leaderboard.experiment.preflight import check_sources, check_speech
from leaderboard.jobs import scheduler
from leaderboard.jobs.job import Job
from leaderboard.jobs.progress import watching
from leaderboard.records import provenance
from leaderboard.records.attack_result import read_results
from leaderboard.records.mechanism_audit import read_audits
from leaderboard.records.run_folder import FOLDER, read_records
from leaderboard.spec.load import load_suite
from leaderboard.submissions import sandbox
from leaderboard.submissions.attack_runs import attack_jobs
from leaderboard.submissions.defense_runs import (
    keep,
    label_of,
    refuse_taken,
    submitted_cells,
    submitted_jobs,
)
from leaderboard.submissions.limits import GIB, LIMITS, Limits
from leaderboard.submissions.sandboxed import SandboxedDefense
from leaderboard.submissions.submission import read_submission
from leaderboard.views.standing import standing
from leaderboard.views.table import Format, table

FAILED = 1

Name = Annotated[str | None, typer.Option(help="Of the entry.", show_default="the class's")]
Minutes = Annotated[float, typer.Option(min=0.01, help="The most that one training may take.")]
Memory = Annotated[float, typer.Option(min=0.1, help="GiB that a submission may use.")]


def score(
    place: Place,
    suite: SuiteName,
    out: Annotated[
        Path | None, typer.Option(help="A run; what it has is kept.", show_default="runs/<suite>")
    ] = None,
    data: Data = DATA,
    device: Device = None,
    settings: Settings = [],  # noqa: B006
    name: Name = None,
    seed: Given = [],  # noqa: B006
    fresh_seed: Fresh = False,
    supersede: Annotated[
        bool, typer.Option("--supersede", help="Let it correct another entry of that name.")
    ] = False,
    minutes: Minutes = LIMITS.seconds / 60,
    memory: Memory = LIMITS.memory / GIB,
    workers: Workers = None,
    trust: Trust = False,
) -> None:
    """Train a submitted defense and attack it beside the suite's schemes; show where it stands."""
    submission = read_submission(place, "defense", settings)
    label = label_of(submission, name)
    chosen = load_suite(suite)
    out = out or Path("runs") / chosen.name
    check_sources(chosen.conditions, data, out)
    if any((out / FOLDER).glob("*.json")):
        read_records(out, chosen.conditions.digest)
    cells = submitted_cells(chosen, submission, label, chosen_seeds(chosen, seed, fresh_seed))
    if not supersede:
        refuse_taken(cells, out)
    sandbox.require(trust, out, data)
    keep(submission, out)
    sandboxed = SandboxedDefense(submission, _limits(minutes, memory), trust)
    device = device or chosen.device
    known = plan(chosen, out, data, device)
    ids = {job.id for job in known}
    jobs = submitted_jobs(cells, sandboxed, out, data, device)
    own = [job for job in jobs if job.id not in ids]
    check_speech(cells, [*known, *own], data)
    failed = _run([*known, *own], out, workers)
    typer.echo(table(out, Format.TEXT) + "\n")
    ids = {cell.id for cell in cells}
    for line in standing(read_records(out), ids, read_results(out), read_audits(out)):
        typer.echo(line)
    _end(failed, out)


def score_attack(
    place: Place,
    out: Annotated[Path, typer.Option(help="A run, with the weights it kept.")],
    data: Data = DATA,
    device: Device = None,
    settings: Settings = [],  # noqa: B006
    name: Name = None,
    minutes: Minutes = LIMITS.seconds / 60,
    memory: Memory = LIMITS.memory / GIB,
    workers: Workers = None,
    trust: Trust = False,
) -> None:
    """Run a submitted attack on all weights of a run; show what it adds to those of the suite."""
    submission = read_submission(place, "attack", settings)
    records = read_records(out)
    check_sources(records[0].cell.conditions, data)
    sandbox.require(trust, out, data)
    keep(submission, out)
    limits = _limits(minutes, memory)
    jobs = attack_jobs(
        records, submission, name, out, data, device or "cpu", limits=limits, trust=trust
    )
    failed = _run(jobs, out, workers)
    typer.echo(table(out, Format.TEXT))
    _end(failed, out)


def _limits(minutes: float, memory: float) -> Limits:
    return Limits(seconds=60 * minutes, memory=int(memory * GIB))


def _run(jobs: Sequence[Job], out: Path, workers: int | None) -> list[str]:
    with watching() as progress:
        outcomes = scheduler.run(jobs, out, workers or provenance.cores(), progress)
    return [
        f"{o.job} {o.status}: {o.reason}"
        for o in outcomes.values()
        if o.status in ("failed", "blocked")
    ]


def _end(failed: Sequence[str], out: Path) -> None:
    for line in failed:
        typer.echo(f"overheard: {line} (what it printed: {out / scheduler.LOGS})", err=True)
    if failed:
        raise typer.Exit(FAILED)
