"""What only the speech itself can tell, looked at before anything is trained: first, and once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leaderboard.experiment.experiment import Experiment
from leaderboard.jobs.job import Job
from leaderboard.records.run_folder import FOLDER
from leaderboard.spec.cell import Cell, Conditions
from leaderboard.spec.paths import corpus_folder, real_sources
from targets.core.errors import OverheardError


def check_sources(conditions: Conditions, data: Path, out: Path | None = None) -> None:
    """Refuse conditions whose real speech or partition is not there; opens nothing.

    Where the folder `out` of a run has records, there may be nothing left to do that needs speech.

    Raises:
        OverheardError: names the folder.
    """
    if out is not None and any((out / FOLDER).glob("*.json")):
        return
    for source in real_sources(conditions):
        corpus_folder(source, data)
    clients = conditions.speech.private.clients
    if clients is not None and clients.file is not None:
        path = data / clients.file
        if not path.is_file():
            raise OverheardError(
                f"{path}: no such partition; put it there, or name its folder with --data"
            )


def check_cache() -> None:
    """Refuse a folder for made speech that can neither be written nor holds any.

    Raises:
        OverheardError: names the folder, and the variable that says another.
    """
    from targets.core.files import default_cache
    from targets.synthetic.cache import check_writable

    cache = default_cache()
    if not (cache.is_dir() and any(cache.glob("speech-*"))):
        check_writable(cache)


def check_speech(cells: Sequence[Cell], jobs: Sequence[Job], data: Path) -> None:
    """Refuse real speech that the jobs to be run would refuse, each of them later.

    Reads all of it where a job is still to be run; of embedded speech only the folder is looked at
    where it is kept. What the seed draws is looked at for one seed.

    Raises:
        OverheardError: that folder cannot be written, the speech is unusable, a key leaves nothing
            of it, or a target cannot learn an utterance.
    """
    if not cells or all(job.finished() for job in jobs):
        return
    check_cache()
    if not real_sources(cells[0].conditions):
        return
    first = cells[0]
    game = Experiment.of(first, Path(), data).game
    from leaderboard.game.recipe import untrained_recipe

    for target in dict.fromkeys(cell.target for cell in cells):
        untrained_recipe(first.conditions, target, game, "cpu", data)
