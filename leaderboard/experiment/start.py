"""The public start and its student: trained once per suite, target and seed, for every scheme."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from defenses.public.scheme import PublicStudent
from leaderboard.game.build import deal
from leaderboard.game.game import Game, repetitions
from leaderboard.jobs.job import Report
from leaderboard.spec.paths import start_file
from leaderboard.spec.suite import Conditions
from targets.core.errors import OverheardError
from targets.core.files import whole_file
from targets.core.progress import listening, stage
from targets.core.randomness import Randomness
from targets.speech.tokens import Characters, Subwords, Tokens
from targets.speech.utterance import Corpus, Utterance
from targets.training.fit import public_start
from targets.training.recipe import Recipe, Schedule

SPEECH = "public"  # the key of the digest of what a start was trained on
SUBWORDS = 96  # units learnt from public transcripts
KEEP = 0.6, 0.8  # of the untranscribed public speech, in the first round and in later ones
STUDENT = "student."  # before the names of its weights, in the file of the start


def train_start(
    conditions: Conditions, target: str, seed: int, out: Path, data: Path, *, report: Report
) -> None:
    """Train the public start, and its student where the suite wants one, and keep both.

    Raises:
        OverheardError: there is no untranscribed public speech for the student.
    """
    with listening(report):
        with stage(0.0, 0.2):
            game = deal(conditions, seed, data)
        if conditions.training.self_training and all(u.text for u in game.public):
            raise OverheardError(
                "training.self_training: no public speech is untranscribed, so there is nothing "
                "to teach; set speech.public.transcribed below the number of utterances"
            )
        recipe = _recipe(conditions, target, game)
        training = conditions.training
        schedule = Schedule(
            training.public_epochs,
            training.batch_size,
            training.public_learning_rate or training.learning_rate,
        )
        transcribed = [u for u in game.public if u.text]
        rng = Randomness(seed).child("start", target)
        with stage(0.2, 0.6 if training.self_training else 1.0):
            start = public_start(recipe, transcribed, schedule, rng, augment=True)
        begun = replace(recipe, start=start.state_dict())
        with stage(0.6, 1.0):
            rounds = training.self_training
            student = _student(begun, game.public, rounds, rng.child("student"))
    tensors = {**begun.start, **{f"{STUDENT}{name}": w for name, w in student.items()}}
    with whole_file(start_file(out, conditions, target, seed, data)) as partial:
        save_file(tensors, partial, metadata={SPEECH: _digest(game)})


def recipe_from_start(
    conditions: Conditions, target: str, seed: int, out: Path, data: Path, game: Game
) -> Recipe:
    """Return the recipe that every scheme of the suite is given.

    Raises:
        OverheardError: the start that is kept was trained on other public speech.
    """
    file = start_file(out, conditions, target, seed, data)
    with safe_open(file, "pt") as kept:
        trained_on = (kept.metadata() or {}).get(SPEECH)
    if trained_on not in (None, _digest(game)):
        # The name of the file changes with names, sizes and texts of the speech, not its sound.
        raise OverheardError(f"{file}: trained on other public speech; delete it and run again")
    tensors = load_file(file)
    start = {name: w for name, w in tensors.items() if not name.startswith(STUDENT)}
    student = {name.removeprefix(STUDENT): w for name, w in tensors.items() if name not in start}
    return replace(_recipe(conditions, target, game), start=start, student=student)


def _digest(game: Game) -> str:
    return Corpus("public", game.public).digest


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


def _recipe(conditions: Conditions, target: str, game: Game) -> Recipe:
    training = conditions.training
    schedule = Schedule(training.epochs, training.batch_size, training.learning_rate)
    return Recipe(
        target=target,
        tokens=_tokens(conditions, game),
        channels=training.channels,
        hidden=training.hidden,
        schedule=schedule,
        delta=_delta(conditions, len(game.candidates)),
        # Of the fair coins, not of how they fell: the number of members is private.
        expected_members=max(1, round(sum(map(repetitions, game.candidates)) / 2)),
    )


def _delta(conditions: Conditions, candidates: int) -> float:
    if conditions.delta is None:
        return default_delta(candidates)
    if conditions.delta >= 1 / candidates:
        raise OverheardError(
            f"delta {conditions.delta:g} is not below one over the {candidates} candidates, and so "
            f"promises next to nothing: leave it out, or give at most {default_delta(candidates):g}"
        )
    return conditions.delta


def default_delta(candidates: int) -> float:
    """Return a power of ten at most a tenth of one over the number of candidates."""
    return 10.0 ** -math.ceil(math.log10(10 * candidates))


def _tokens(conditions: Conditions, game: Game) -> Tokens:
    if conditions.tokens == "characters":
        return Characters()
    return Subwords.learn([u.text for u in game.public if u.text], SUBWORDS)
