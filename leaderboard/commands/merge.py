"""`overheard merge`: runs made on different machines become one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leaderboard.records.merge import merge_runs


def merge(
    runs: Annotated[list[Path], typer.Argument(metavar="DIR...", help="The folders of runs.")],
    out: Annotated[Path, typer.Option(help="The folder of all of them; it may have some already.")],
) -> None:
    """Join runs made under the same conditions, with their weights and submissions.

    Of attacks that were submitted to different runs the levels are made one order when they are
    read: see `leaderboard.records.attack_result`.
    """
    cells = merge_runs(runs, out)
    typer.echo(f"{out}: {cells} cells, from {', '.join(map(str, runs))}")
