"""From a suite to the jobs that run it, without importing what the jobs import."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from leaderboard.experiment.panel.cells import panel_cells, panel_key, panel_shows
from leaderboard.experiment.pending import attempted, finished, last_digest, remaining
from leaderboard.jobs.job import Job, Named
from leaderboard.records.run_folder import record_failure
from leaderboard.spec.paths import stamps, start_file, weights_file
from leaderboard.spec.suite import Cell, Conditions, Suite

START_WEIGHT = 0.5  # of a start's duration, relative to a cell's
REFERENCE_WEIGHT = 0.4  # each
POLL_WEIGHT = 1.0
PANEL_WEIGHT = 0.5


def plan(suite: Suite, out: Path, data: Path) -> list[Job]:
    """Return the jobs of a suite: public starts, reference models, polls, cells, the panel.

    A start that nothing waits for, and a panel whose models are gone, are no jobs.

    Raises:
        OverheardError: a scheme or an attack has no such option; nothing has been run by then.
    """
    cells, now = suite.cells(), stamps(suite.conditions, data)
    todo = [cell for cell in cells if not finished(out, cell, now)]
    if todo:
        _check_options(todo)
    shown = panel_cells(suite)
    key = panel_key(shown) if shown else ""
    drawable = bool(shown) and all(
        cell in todo or weights_file(out, cell).exists() for cell in shown
    )
    pictured = shown if drawable and not panel_shows(out, key) else []
    starts = dict.fromkeys((cell.target, cell.seed) for cell in [*todo, *pictured])
    jobs = [start_job(suite.conditions, target, seed, out, data) for target, seed in starts]
    jobs += reference_jobs(todo, out, data)
    polls = poll_jobs([cell for cell in todo if not remaining(out, cell, now).trained], out, data)
    jobs += {job.id: job for job in polls.values()}.values()
    before = tuple(jobs)
    for cell in cells:
        needs = needs_of(cell, before) if cell in todo else ()
        needs += (polls[cell.id].id,) if cell.id in polls else ()
        work = Named("leaderboard.experiment.train", "run_cell")
        jobs.append(cell_job(cell, work, (), out, data, needs))
    if drawable:
        # After the cells that it shows, not after all: the run does not end with it alone.
        place = max(number for number, job in enumerate(jobs) if job.id in {c.id for c in shown})
        jobs.insert(place + 1, _panel_job(shown, key, out, data))
    return jobs


def _panel_job(shown: list[Cell], key: str, out: Path, data: Path) -> Job:
    return Job(
        id="spectrograms",
        function=Named("leaderboard.experiment.panel.draw", "draw_panel"),
        arguments=(shown, key, out, data),
        finished=partial(panel_shows, out, key),
        needs=tuple(cell.id for cell in shown),
        weight=PANEL_WEIGHT,
    )


def _check_options(cells: list[Cell]) -> None:
    # Here, because it needs the schemes and attacks themselves, and so torch.
    from leaderboard.experiment.evaluate import attacks_of
    from leaderboard.experiment.train import defense_of

    for cell in cells:
        defense_of(cell)
        attacks_of(cell)


def cell_job(
    cell: Cell,
    function: Named,
    more: tuple[Any, ...],
    out: Path,
    data: Path,
    needs: tuple[str, ...],
) -> Job:
    """Return the job of one cell; `more` is what its function takes beside cell and folders."""
    now, before = stamps(cell.conditions, data), last_digest(out, cell)
    return Job(
        id=cell.id,
        function=function,
        arguments=(cell, *more, out, data),
        finished=partial(attempted, out, cell, now, before),
        needs=needs,
        on_failure=partial(record_failure, cell, out),
    )


def start_job(conditions: Conditions, target: str, seed: int, out: Path, data: Path) -> Job:
    """Return the job that trains a public start."""
    return Job(
        id=start_id(target, seed),
        function=Named("leaderboard.experiment.start", "train_start"),
        arguments=(conditions, target, seed, out, data),
        finished=start_file(out, conditions, target, seed, data).exists,
        weight=START_WEIGHT,
    )


def start_id(target: str, seed: int) -> str:
    """Return the name of the job that trains a public start."""
    return f"start-{target}-seed{seed}"


def reference_jobs(cells: Sequence[Cell], out: Path, data: Path) -> list[Job]:
    """Return the jobs that train what attacks on some cells of a suite compare their targets with.

    There are none where no attack compares.
    """
    if not cells:
        return []
    # Here, because the attacks themselves say how many references they want, and need torch.
    from leaderboard.experiment.evaluate import attacks_of
    from leaderboard.experiment.references import references_wanted, scores_file

    conditions, attacks = cells[0].conditions, attacks_of(cells[0])
    count = references_wanted(attacks)
    return [
        Job(
            id=references_id(target, seed),
            function=Named("leaderboard.experiment.references", "train_references"),
            arguments=(conditions, target, seed, attacks, out, data),
            finished=scores_file(out, conditions, target, seed, attacks, data).exists,
            needs=(start_id(target, seed),),
            weight=REFERENCE_WEIGHT * count,
        )
        for target, seed in dict.fromkeys((cell.target, cell.seed) for cell in cells)
        if count
    ]


def poll_jobs(cells: Sequence[Cell], out: Path, data: Path) -> dict[str, Job]:
    """Return the job whose ballots each cell learns from, by the cell's name.

    Cells that share a poll have the same job; those that ask no teachers have none.
    """
    if not cells:
        return {}
    # Here, because the schemes themselves say what poll they want, and need torch.
    from leaderboard.experiment.teacher_votes import ballots_file, poll_name, poll_of
    from leaderboard.experiment.train import defense_of

    jobs: dict[str, Job] = {}
    for cell in cells:
        poll = poll_of(defense_of(cell))
        if poll is None:
            continue
        name = poll_name(poll, cell.target, cell.seed)
        alike = next((job for job in jobs.values() if job.id == name), None)
        jobs[cell.id] = alike or Job(
            id=name,
            function=Named("leaderboard.experiment.teacher_votes", "take_poll"),
            arguments=(poll, cell, out, data),
            finished=ballots_file(poll, cell, out, data).exists,
            needs=(start_id(cell.target, cell.seed),),
            weight=POLL_WEIGHT,
        )
    return jobs


def needs_of(cell: Cell, jobs: Sequence[Job]) -> tuple[str, ...]:
    """Return which of some jobs, of starts and references, a cell has to wait for."""
    wanted = start_id(cell.target, cell.seed), references_id(cell.target, cell.seed)
    return tuple(job.id for job in jobs if job.id in wanted)


def references_id(target: str, seed: int) -> str:
    """Return the name of the job that trains the reference models of one target and seed."""
    return f"references-{target}-seed{seed}"
