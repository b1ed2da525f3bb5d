"""From a suite to the jobs that run it, without importing what the jobs import."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.experiment.audits.jobs import audit_jobs
from leaderboard.experiment.experiment import SPEECH_JOB, Experiment
from leaderboard.experiment.panel.cells import (
    judge_marker,
    panel_cells,
    panel_key,
    panel_shows,
)
from leaderboard.experiment.pending import attempted, finished, last_digest, pending
from leaderboard.jobs.job import Job, Named
from leaderboard.records.run_folder import record_failure
from leaderboard.spec.cell import Cell
from leaderboard.spec.paths import stamps, weights_file
from leaderboard.spec.suite import Suite

if TYPE_CHECKING:
    from leaderboard.experiment.stages.shared_stage import SharedStage

RUN_CELL = Named("leaderboard.experiment.train", "run_cell")
JUDGE = "judge"
JUDGE_WEIGHT, PANEL_WEIGHT = 0.5, 0.2  # of how long they take, relative to a cell


def plan(suite: Suite, out: Path, data: Path, device: str = "cpu") -> list[Job]:
    """Return the jobs of a suite: what its cells share, the cells, the panel.

    A start that nothing waits for, and a panel whose models are gone, are no jobs.

    Raises:
        OverheardError: a scheme or an attack has no such option; nothing has been run by then.
    """
    cells = suite.cells()
    shown = panel_cells(suite)
    key = panel_key(shown, stamps(suite.conditions, data)) if shown else ""
    drawn = bool(shown) and panel_shows(out, key)
    jobs = cell_jobs(cells, out, data, device, pictured=() if drawn else shown)
    if suite.audit_mechanisms:
        jobs += audit_jobs(cells, out)
    planned = {job.id for job in jobs if not job.finished()}
    if shown and all(cell.id in planned or weights_file(out, cell).exists() for cell in shown):
        experiment = Experiment.of(shown[0], out, data, device)
        # After the cells that it shows, not after all: the run does not end with it alone.
        place = max(number for number, job in enumerate(jobs) if job.id in {c.id for c in shown})
        jobs.insert(place + 1, _panel_job(shown, key, experiment))
        # Before the first cell: then there is time for it while another worker trains the start.
        first = min(number for number, job in enumerate(jobs) if isinstance(job.about, Cell))
        jobs.insert(first, _judge_job(experiment, SPEECH_JOB in {job.id for job in jobs}))
    return jobs


def cell_jobs(
    cells: Sequence[Cell],
    out: Path,
    data: Path,
    device: str = "cpu",
    *,
    function: Named = RUN_CELL,
    more: tuple[Any, ...] = (),
    pictured: Collection[Cell] = (),
) -> list[Job]:
    """Return the jobs of cells, after those of the stages that unfinished ones share.

    `more` is what `function` takes beside cell and experiment. Of `pictured` cells with weights the
    public start has to be there too.

    Raises:
        OverheardError: a scheme or an attack has no such option.
    """
    named = {(cell.target, cell.seed): Experiment.of(cell, out, data, device) for cell in cells}
    stages: dict[str, Job] = {}
    jobs = []
    for cell in cells:
        experiment = named[cell.target, cell.seed]
        needs: tuple[str, ...] = ()
        if not finished(out, cell, experiment.stamps):
            trains = pending(out, cell, experiment.stamps).trained is None
            found = _stage_jobs(cell, experiment, trains)
            needs = tuple(job.id for job in found)
            stages |= {job.id: stages.get(job.id, job) for job in found}
        elif cell in pictured and weights_file(out, cell).exists():
            start, *_ = _stage_jobs(cell, experiment, False)
            stages.setdefault(start.id, start)
        jobs.append(_cell_job(cell, experiment, function, more, needs))
    return [*stages.values(), *jobs]


def _stage_jobs(cell: Cell, experiment: Experiment, trains: bool) -> list[Job]:
    # Here, because schemes and attacks themselves say what they share, and need torch.
    from leaderboard.experiment.stages.shared_stage import stage_job, stages_of

    stages: list[SharedStage] = stages_of(cell, experiment, trains=trains)
    return [stage_job(stage) for stage in stages]


def _cell_job(
    cell: Cell,
    experiment: Experiment,
    function: Named,
    more: tuple[Any, ...],
    needs: tuple[str, ...],
) -> Job:
    out, before = experiment.out, last_digest(experiment.out, cell)
    return Job(
        id=cell.id,
        function=function,
        arguments=(cell, experiment, *more),
        finished=partial(attempted, out, cell, experiment.stamps, before),
        needs=needs,
        on_failure=partial(record_failure, cell, out),
        about=cell,
    )


def _judge_job(experiment: Experiment, speech_is_made: bool) -> Job:
    marker = judge_marker(experiment.out, experiment.conditions)
    return Job(
        id=JUDGE,
        function=Named("leaderboard.experiment.panel.judge", "train_judge"),
        arguments=(marker, experiment),
        finished=marker.exists,
        # Private speech only for its time: until that is made, the start makes the public speech.
        needs=(SPEECH_JOB,) if speech_is_made else (),
        weight=JUDGE_WEIGHT,
    )


def _panel_job(shown: list[Cell], key: str, experiment: Experiment) -> Job:
    return Job(
        id="spectrograms",
        function=Named("leaderboard.experiment.panel.draw", "draw_panel"),
        arguments=(shown, key, experiment),
        finished=partial(panel_shows, experiment.out, key),
        needs=(JUDGE, *(cell.id for cell in shown)),
        weight=PANEL_WEIGHT,
    )
