"""The public start and its student: trained once for every scheme of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from safetensors.torch import save_file
from torch import Tensor

from defenses.base import weights_of
from defenses.public.scheme import PublicStudent
from leaderboard.experiment.experiment import Experiment
from leaderboard.game import build
from leaderboard.game.recipe import SPEECH, STUDENT, digest_of_public, public_recipe
from targets.core.errors import OverheardError
from targets.core.files import whole_file
from targets.core.progress import stage
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.training.fit import public_start
from targets.training.recipe import Recipe, Schedule

START_SEED = 0  # of the public start: like a published checkpoint, one serves every seed
KEEP = 0.6, 0.8  # of the untranscribed public speech, in the first round and in later ones


@dataclass(frozen=True)
class PublicStart:
    """Weights learnt from public speech, from which every scheme begins. See `SharedStage`."""

    experiment: Experiment

    kind: ClassVar[str] = "start"
    weight: ClassVar[float] = 0.5
    needs: ClassVar[tuple[str, ...]] = ()

    @property
    def id(self) -> str:
        """Name of its job."""
        return self.experiment.start_job

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return self.experiment.start_file

    def compute(self) -> None:
        """Train the public start, and its student where the suite wants one, and keep both.

        Raises:
            OverheardError: there is no untranscribed public speech for the student.
        """
        experiment, training = self.experiment, self.experiment.conditions.training
        conditions, data = experiment.conditions, experiment.data
        with stage(0.0, 0.2):
            # Not the game, whose private speech another worker may still be making.
            public = build.public_speech(conditions, data)
            recipe = public_recipe(
                conditions, experiment.target, public, experiment.used_device, data
            )
        if training.self_training and all(u.text for u in public):
            raise OverheardError(
                "training.self_training: no public speech is untranscribed, so there is nothing "
                "to teach; set speech.public.transcribed below the number of utterances"
            )
        schedule = Schedule(
            training.public_epochs,
            training.batch_size,
            training.public_learning_rate or training.learning_rate,
        )
        transcribed = [u for u in public if u.text]
        rng = Randomness(START_SEED).child("start", experiment.target)
        with stage(0.2, 0.6 if training.self_training else 1.0):
            start = weights_of(public_start(recipe, transcribed, schedule, rng, augment=True))
        with stage(0.6, 1.0):
            begun = replace(recipe, start=start)
            student = _student(begun, public, training.self_training, rng.child("student"))
        tensors = {**start, **{f"{STUDENT}{name}": w for name, w in student.items()}}
        with whole_file(self.file) as aside:
            save_file(tensors, aside, metadata={SPEECH: digest_of_public(public)})


def _student(
    recipe: Recipe, public: Sequence[Utterance], rounds: int, rng: Randomness
) -> Mapping[str, Tensor]:
    """Return the weights of the start after rounds of self-training; none after no round."""
    for number in range(rounds):
        with stage(number / rounds, (number + 1) / rounds):
            school = PublicStudent(keep=KEEP[min(number, 1)])
            trained = school.train(recipe, (), public, rng.child(number))
        recipe = replace(recipe, student=trained.weights)
    return recipe.student
