"""`overheard plan`: what a run would do, what is there already, and how long it should take."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from tabulate import tabulate

from leaderboard.commands.options import DATA, Data, Out, SuiteName, Workers
from leaderboard.experiment.durations import (
    Duration,
    duration_of_cell,
    duration_of_stage,
    elapsed,
    memories,
)
from leaderboard.experiment.pending import pending
from leaderboard.experiment.plan import plan as jobs_of
from leaderboard.experiment.preflight import check_sources
from leaderboard.jobs.progress import spoken
from leaderboard.records import provenance
from leaderboard.records.numbers import to_json
from leaderboard.records.run_folder import FOLDER, read_records
from leaderboard.spec.cell import Cell
from leaderboard.spec.load import load_suite
from leaderboard.spec.paths import stamps
from leaderboard.spec.suite import Suite
from targets.core.errors import OverheardError

if TYPE_CHECKING:
    from leaderboard.experiment.stages.shared_stage import SharedStage
    from leaderboard.scale.projection import Projection

LIBRISPEECH_SECONDS = 12.3  # 960.9 hours of 281,241 utterances
UNKNOWN = "no record tells how long this takes"


@dataclass(frozen=True)
class Line:
    """One job: there already, to be run, or, with `attacks`, those to be run on kept weights."""

    job: str
    state: str
    attacks: tuple[str, ...]
    seconds: float | None
    basis: str


def plan(
    suite: SuiteName,
    out: Out = None,
    data: Data = DATA,
    workers: Workers = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    speed: Annotated[
        float | None,
        typer.Option(help="Project all times from so many operations a second of a device."),
    ] = None,
    speed_from: Annotated[
        str, typer.Option(help="Who says so, or how it was measured.")
    ] = "no source given",
    seconds: Annotated[
        float, typer.Option(help="Of an utterance on average, where times are projected.")
    ] = LIBRISPEECH_SECONDS,
) -> None:
    """Show what `overheard run` would do, what is there, and how long it should take.

    Where real speech is not there, and where `speed` is given, times are projected from counted
    work instead of records. See `leaderboard.scale.projection`.
    """
    chosen = load_suite(suite)
    out = out or Path("runs") / chosen.name
    projection = _projection(chosen, out, data, speed, speed_from, seconds)
    if any((out / FOLDER).glob("*.json")):
        read_records(out, chosen.conditions.digest)
    workers = workers or provenance.cores()
    lines, lasting = _lines(chosen, out, data, workers, projection)
    work = sum(line.seconds or 0.0 for line in lines)
    if as_json:
        content: dict[str, Any] = {
            "jobs": [asdict(line) for line in lines],
            "work_seconds": work,
            "elapsed_seconds": lasting,
            "workers": workers,
        }
        if projection is not None:
            content["projection"] = projection.figures()
        typer.echo(json.dumps(to_json(content), indent=1, ensure_ascii=False, allow_nan=False))
        return
    typer.echo(
        tabulate(
            [[line.job, _state(line), _about(line), line.basis] for line in lines],
            ["job", "state", "time", "after"],
            disable_numparse=True,
        )
    )
    typer.echo(f"\n{_summary(lines, work, lasting, workers)}")
    if projection is not None:
        typer.echo(f"\n{projection.told(work)}")


def _projection(
    suite: Suite, out: Path, data: Path, speed: float | None, source: str, seconds: float
) -> Projection | None:
    """Return what tells times where no record does; None where records are to."""
    if speed is not None and not (0 < speed < math.inf and 0 < seconds < math.inf):
        raise OverheardError("--speed and --seconds: give numbers above 0")
    missing: OverheardError | None = None
    try:
        check_sources(suite.conditions, data, out)
    except OverheardError as error:
        missing = error
    if speed is None and missing is None:
        return None
    from leaderboard.scale.projection import ASSUMED, Speed, project

    given = ASSUMED if speed is None else Speed(speed, source)
    try:
        return project(suite, given, seconds, str(missing or ""))
    except OverheardError:
        if speed is None and missing is not None:
            raise missing from None
        raise


def _lines(
    suite: Suite, out: Path, data: Path, workers: int, projection: Projection | None
) -> tuple[list[Line], float]:
    """Return every job of a suite, and how long those to be run take together."""
    known = memories(out) if projection is None else []
    now = stamps(suite.conditions, data)
    jobs = jobs_of(suite, out, data)
    # Whatever a stage is for, one of the cells that wait for it tells how long it takes.
    waiting = {need: job.about for job in jobs if isinstance(job.about, Cell) for need in job.needs}
    lines, ahead = [], []
    for job in jobs:
        if job.finished():
            lines.append(Line(job.id, "there", (), 0.0, ""))
            continue
        duration, state = Duration(None, UNKNOWN), "to run"
        attacks: tuple[str, ...] = ()
        if isinstance(job.about, Cell):
            left = pending(out, job.about, now)
            duration = (
                duration_of_cell(job.about, left, known)
                if projection is None
                else projection.duration_of_cell(job.about)
            )
            if left.trained:
                state, attacks = "to attack", left.attacks
        elif job.about is not None:
            cell = waiting.get(job.id, suite.cells()[0])
            stage = cast("SharedStage", job.about)
            duration = (
                duration_of_stage(stage, cell, known)
                if projection is None
                else projection.duration_of_stage(stage.kind, cell)
            )
        lines.append(Line(job.id, state, attacks, duration.seconds, duration.basis))
        ahead.append((job.id, duration.seconds or 0.0, job.needs))
    return lines, elapsed(ahead, workers)


def _state(line: Line) -> str:
    return f"{line.state}: {', '.join(line.attacks)}" if line.attacks else line.state


def _about(line: Line) -> str:
    if line.state == "there":
        return ""
    return "?" if line.seconds is None else spoken(line.seconds)


def _summary(lines: list[Line], work: float, lasting: float, workers: int) -> str:
    todo = [line for line in lines if line.state != "there"]
    if not todo:
        return f"nothing to do: all {len(lines)} jobs are there"
    unknown = [line.job for line in todo if line.seconds is None]
    text = f"{len(todo)} of {len(lines)} jobs to do: {spoken(work)} of work"
    text += f", {spoken(lasting)} with {workers} worker{'s' if workers > 1 else ''}"
    return f"{text}; not counted: {', '.join(unknown)}" if unknown else text
