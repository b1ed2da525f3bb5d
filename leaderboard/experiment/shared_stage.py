"""Work that several cells share: done once, as a job of its own, and kept in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from defenses.base import SharingDefense
from leaderboard.experiment.choices import attacks_of, defense_of
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.private_speech import PrivateSpeech
from leaderboard.experiment.references import ReferenceModels, references_wanted
from leaderboard.experiment.scheme_work import SchemeWork
from leaderboard.experiment.start import PublicStart
from leaderboard.jobs.job import Job, Named, Report
from leaderboard.spec.cell import SUBMISSION, Cell
from targets.core.progress import listening


class SharedStage(Protocol):
    """One piece of such work.

    `kind` is what its duration is known by, `weight` how long it takes relative to a cell; `needs`
    names the stages that must be there before. The name of `file` follows from all that determines
    its content (but the sound of the speech, whose digest is inside).
    """

    @property
    def experiment(self) -> Experiment:
        """Whose stage it is."""
        ...

    @property
    def kind(self) -> str:
        """What its duration is known by."""
        ...

    @property
    def id(self) -> str:
        """Name of its job."""
        ...

    @property
    def file(self) -> Path:
        """Where it is kept."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the stages before it."""
        ...

    @property
    def weight(self) -> float:
        """How long it takes, relative to a cell."""
        ...

    def compute(self) -> None:
        """Do the work, and write the file."""
        ...


def stages_of(cell: Cell, experiment: Experiment, *, trains: bool) -> list[SharedStage]:
    """Return what has to be there before a cell, in order; `trains` where its weights are not.

    Raises:
        OverheardError: its scheme or one of its attacks has no such option.
    """
    attacks = attacks_of(cell.conditions)
    stages: list[SharedStage] = [PublicStart(experiment)]
    if experiment.makes_private_speech:
        stages.append(PrivateSpeech(experiment))
    if references_wanted(attacks):
        stages.append(ReferenceModels(experiment, attacks))
    if cell.scheme != SUBMISSION:
        defense = defense_of(cell)
        if trains and isinstance(defense, SharingDefense):
            stages.append(SchemeWork(experiment, defense.shared_work))
    return stages


def stage_job(stage: SharedStage) -> Job:
    """Return the job of a stage."""
    return Job(
        id=stage.id,
        function=Named(__name__, "compute"),
        arguments=(stage,),
        finished=stage.file.exists,
        needs=stage.needs,
        weight=stage.weight,
        about=stage,
    )


def compute(stage: SharedStage, *, report: Report) -> None:
    """Do the work of a stage."""
    with listening(report):
        stage.compute()
