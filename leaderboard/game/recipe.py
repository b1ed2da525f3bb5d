"""From a suite's conditions to the recipe that every scheme is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file

from leaderboard.game.game import Game, repetitions
from leaderboard.spec.cell import Conditions
from targets.core.errors import OverheardError
from targets.corpora.fit import check_fit
from targets.models.pretrained import RANK, Pretrained
from targets.models.registry import TARGETS
from targets.speech.tokens import Characters, Subwords, Tokens
from targets.speech.utterance import Corpus, Utterance
from targets.training.recipe import Recipe, Schedule

SPEECH = "public"  # the key of the digest of what a start was trained on
STUDENT = "student."  # before the names of its weights, in the file of the start
SUBWORDS = 96  # units learnt from public transcripts


def untrained_recipe(
    conditions: Conditions, target: str, game: Game, device: str, data: Path
) -> Recipe:
    """Return a recipe without a public start; `data` is where the folders of checkpoints lie.

    Raises:
        OverheardError: δ is not below one over the number of candidates, the checkpoint of a
            pretrained target is missing or unusable, or the target cannot learn an utterance of
            real speech.
    """
    recipe = public_recipe(conditions, target, game.public, device, data)
    _check_fit(game.candidates, recipe)
    return replace(
        recipe,
        delta=_delta(conditions, len(game.candidates)),
        # Of the fair coins, not of how they fell: the number of members is private.
        expected_members=max(1, round(sum(map(repetitions, game.candidates)) / 2)),
    )


def public_recipe(
    conditions: Conditions, target: str, public: Sequence[Utterance], device: str, data: Path
) -> Recipe:
    """Return a recipe for public speech alone: no start, no candidates, and so no δ.

    Raises:
        OverheardError: the checkpoint of a pretrained target is missing or unusable, or the target
            cannot learn an utterance of real public speech.
    """
    training = conditions.training
    pretrained = None
    if TARGETS[target].pretrained:
        assert training.checkpoint is not None
        pretrained = Pretrained(data / training.checkpoint, training.adapter_rank or RANK)
    recipe = Recipe(
        target=target,
        tokens=_tokens(conditions, target, public, pretrained),
        channels=training.channels,
        hidden=training.hidden,
        schedule=Schedule(training.epochs, training.batch_size, training.learning_rate),
        delta=0.0,
        expected_members=0,
        device=device,
        pretrained=pretrained,
        precision=training.precision,
    )
    _check_fit(public, recipe)
    return recipe


def _check_fit(utterances: Sequence[Utterance], recipe: Recipe) -> None:
    # Not the embedded speech, which is made here: a canary said too fast is part of a study.
    real = (u for u in utterances if u.origin)
    check_fit(real, recipe.tokens, TARGETS[recipe.target].frames_per_label, recipe.target)


def with_start(recipe: Recipe, file: Path, game: Game) -> Recipe:
    """Return a recipe with the public start that is kept in a file, and its student if it has one.

    Raises:
        OverheardError: it was trained on other public speech.
    """
    with safe_open(file, "pt") as kept:
        trained_on = (kept.metadata() or {}).get(SPEECH)
    if trained_on not in (None, digest_of_public(game.public)):
        # The name of the file changes with names, sizes and texts of the speech, not its sound.
        raise OverheardError(f"{file}: trained on other public speech; delete it and run again")
    tensors = load_file(file)
    start = {name: w for name, w in tensors.items() if not name.startswith(STUDENT)}
    student = {name.removeprefix(STUDENT): w for name, w in tensors.items() if name not in start}
    return replace(recipe, start=start, student=student)


def digest_of_public(public: Sequence[Utterance]) -> str:
    """Return the digest of public speech."""
    return Corpus("public", tuple(public)).digest


def default_delta(candidates: int) -> float:
    """Return a power of ten at most a tenth of one over the number of candidates."""
    return 10.0 ** -math.ceil(math.log10(10 * candidates))


def _delta(conditions: Conditions, candidates: int) -> float:
    if conditions.delta is None:
        return default_delta(candidates)
    if conditions.delta >= 1 / candidates:
        raise OverheardError(
            f"delta {conditions.delta:g} is not below one over the {candidates} candidates, and so "
            f"promises next to nothing: leave it out, or give at most {default_delta(candidates):g}"
        )
    return conditions.delta


def _tokens(
    conditions: Conditions,
    target: str,
    public: Sequence[Utterance],
    pretrained: Pretrained | None,
) -> Tokens:
    if pretrained is not None:
        entry = TARGETS[target]
        return entry.imported(entry.tokens)(pretrained.folder)
    if conditions.tokens == "characters":
        return Characters()
    return Subwords.learn([u.text for u in public if u.text], SUBWORDS)
