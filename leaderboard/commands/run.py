"""`overheard run`: train, attack and score every cell of a suite."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.commands.options import DATA, Data, Device, Out, SuiteName, Workers
from leaderboard.commands.seeds import Fresh, Given, at_seeds
from leaderboard.experiment.plan import plan
from leaderboard.experiment.preflight import check_sources, check_speech
from leaderboard.jobs import scheduler
from leaderboard.jobs.job import Pool
from leaderboard.jobs.processes import Processes
from leaderboard.jobs.progress import watching
from leaderboard.records import provenance, verified
from leaderboard.records.record import Record
from leaderboard.records.run_folder import FOLDER, read_records
from leaderboard.spec.load import load_suite
from leaderboard.views.table import Format, table
from targets.core.errors import OverheardError

FAILED = 1  # exit code of a run in which a cell failed


def run(
    suite: SuiteName,
    out: Out = None,
    data: Data = DATA,
    device: Device = None,
    workers: Workers = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Ray cluster to run on, which shares the folders."),
    ] = None,
    cpus: Annotated[float, typer.Option(min=0, help="CPUs that Ray gives each job.")] = 1.0,
    gpus: Annotated[
        float,
        typer.Option(min=0, help="Workers with a GPU each; with --ray, GPUs that it gives a job."),
    ] = 0.0,
    seed: Given = [],  # noqa: B006
    fresh_seed: Fresh = False,
) -> None:
    """Train, attack and score every cell of a suite; go on where an earlier run stopped."""
    chosen = at_seeds(load_suite(suite), seed, fresh_seed)
    out = out or Path("runs") / chosen.name
    check_sources(chosen.conditions, data, out)
    known: list[Record] = []
    if any((out / FOLDER).glob("*.json")):
        # Before anything is computed: its results could not be kept beside these.
        known = read_records(out, chosen.conditions.digest)
    # A worker with a GPU of its own uses it, unless another device is asked for.
    device = device or ("cuda" if gpus and chosen.device == "cpu" else chosen.device)
    if workers and (gpus or ray is not None):
        raise OverheardError("--workers: --gpus and --ray say how many jobs run at once")
    pool: Callable[[Path], Pool] | None = None
    if ray is not None:
        from leaderboard.jobs.ray_pool import RayPool

        # Tasks do not start in this folder.
        out, data = out.absolute(), data.absolute()
        pool = partial(RayPool, ray, cpus=cpus, gpus=gpus)
    elif gpus != int(gpus):
        raise OverheardError(f"--gpus {gpus:g}: without --ray give a whole number of GPUs")
    elif gpus:
        pool = partial(Processes, int(gpus), gpus=int(gpus))
    jobs = plan(chosen, out, data, device)
    check_speech(chosen.cells(), jobs, data)
    if not all(job.finished() for job in jobs):
        known = []  # there will be others, and nobody needs these while they are made
    with watching() as progress:
        outcomes = scheduler.run(jobs, out, workers or provenance.cores(), progress, pool=pool)
    if any((out / FOLDER).glob("*.json")):
        typer.echo(table(out, Format.TEXT, records=known or None))
        verified.keep(out)
        typer.echo(f"\nrecords: {out / FOLDER}", err=True)
    failed = [o for o in outcomes.values() if o.status in ("failed", "blocked")]
    for outcome in failed:
        log = out / scheduler.LOGS / f"{outcome.job}.log"
        more = f" (see {log})" if log.exists() else ""
        typer.echo(f"overheard: {outcome.job} {outcome.status}: {outcome.reason}{more}", err=True)
    if failed:
        raise typer.Exit(FAILED)
