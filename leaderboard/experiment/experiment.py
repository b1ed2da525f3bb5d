"""An experiment: one target and seed under a suite's conditions, in the folder of a run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.spec import paths
from leaderboard.spec.cell import Cell, Conditions
from targets.core.randomness import Randomness

if TYPE_CHECKING:
    from leaderboard.game.game import Game
    from targets.training.recipe import Recipe

SPEECH_JOB = "speech-private"  # all targets and seeds of a suite have the same speech


@dataclass(frozen=True)
class Experiment:
    """What all cells of one target and seed have in common: game, recipe, device and paths.

    A plan makes it from names alone; game and recipe are built when a job first asks for them. The
    next job of the process is given the same game, if it wants the same. `out` is the folder of the
    run, `data` where folders of real speech lie; `device` is what tensors are made on, `auto` where
    an accelerator is taken if there is one.
    """

    conditions: Conditions
    target: str
    seed: int
    out: Path
    data: Path
    device: str = "cpu"

    @classmethod
    def of(cls, cell: Cell, out: Path, data: Path, device: str = "cpu") -> Experiment:
        """Return the experiment of a cell."""
        return cls(cell.conditions, cell.target, cell.seed, out, data, device)

    @property
    def name(self) -> str:
        """A readable name, unique within the suite, fit for a file name."""
        return f"{self.target}-seed{self.seed}"

    def rng(self, *names: str | int) -> Randomness:
        """Return a stream of random numbers of this experiment by its name."""
        return Randomness(self.seed).child(*names)

    @cached_property
    def stamps(self) -> dict[str, str]:
        """The stamp of each folder of real speech, as it is now."""
        return paths.stamps(self.conditions, self.data)

    @property
    def start_job(self) -> str:
        """Name of the job that makes the public start; all seeds of a target begin there."""
        return f"start-{self.target}"

    @property
    def makes_private_speech(self) -> bool:
        """Whether the speech of the candidates is made here, and not read."""
        return self.conditions.speech.private.source == paths.EMBEDDED

    @property
    def first_jobs(self) -> tuple[str, ...]:
        """Names of the jobs before all others: the public start, and making private speech."""
        return (self.start_job, *([SPEECH_JOB] if self.makes_private_speech else []))

    @property
    def start_file(self) -> Path:
        """Where the public start is kept."""
        return paths.start_file(self.out, self.conditions, self.target, self.data)

    @cached_property
    def used_device(self) -> str:
        """The device itself, where `device` leaves the choice.

        Raises:
            OverheardError: there is no such device here.
        """
        from targets.core.device import resolve_device

        return str(resolve_device(self.device))

    @cached_property
    def game(self) -> Game:
        """The speech, and on whom the hidden coins fell.

        Raises:
            OverheardError: a folder is missing or its speech is unusable.
        """
        from leaderboard.game.last import game_of

        return game_of(self.conditions, self.target, self.seed, self.data, self.stamps)

    @cached_property
    def untrained_recipe(self) -> Recipe:
        """The recipe before there is a public start."""
        from leaderboard.game.recipe import untrained_recipe

        return untrained_recipe(
            self.conditions, self.target, self.game, self.used_device, self.data
        )

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe that every scheme is given, with the public start.

        Raises:
            OverheardError: the start that is kept was trained on other public speech.
        """
        from leaderboard.game.recipe import with_start

        return with_start(self.untrained_recipe, self.start_file, self.game)

    def __getstate__(self) -> dict[str, Any]:
        # A job is sent the names, never what was built from them.
        return {field.name: getattr(self, field.name) for field in fields(self)}
