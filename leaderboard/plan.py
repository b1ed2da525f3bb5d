"""From a suite to the jobs that run it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from leaderboard.cell import attacks_of, defense_of, record_failure, run_cell
from leaderboard.panel import draw_panel, panel_cells, panel_file
from leaderboard.record import recorded
from leaderboard.runner import Job
from leaderboard.start import start_file, train_start
from leaderboard.suite import Suite

START_WEIGHT = 0.5  # of a start's duration, relative to a cell's
PANEL_WEIGHT = 0.1


def plan(suite: Suite, out: Path, data: Path) -> list[Job]:
    """Return the jobs of a suite: public starts, cells, and the spectrogram panel.

    Raises:
        OverheardError: a scheme or an attack has no such option; nothing has been run by then.
    """
    cells = suite.cells()
    for cell in cells:
        defense_of(cell)
        attacks_of(cell)
    starts = [
        Job(
            id=_start_id(target, seed),
            function=train_start,
            arguments=(suite.conditions, target, seed, out, data),
            finished=start_file(out, suite.conditions, target, seed).exists,
            weight=START_WEIGHT,
        )
        for target in suite.targets
        for seed in suite.seeds
    ]
    work = [
        Job(
            id=cell.id,
            function=run_cell,
            arguments=(cell, out, data),
            finished=partial(recorded, out, cell),
            needs=(_start_id(cell.target, cell.seed),),
            on_failure=partial(record_failure, cell, out),
        )
        for cell in cells
    ]
    shown = panel_cells(suite)
    panel = Job(
        id="spectrograms",
        function=draw_panel,
        arguments=(shown, out, data),
        finished=panel_file(out).exists,
        needs=tuple(cell.id for cell in shown),
        weight=PANEL_WEIGHT,
    )
    return [*starts, *work, panel]


def _start_id(target: str, seed: int) -> str:
    return f"start-{target}-seed{seed}"
