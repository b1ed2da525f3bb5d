"""What one cell of a suite does: train, price and transcribe, then be attacked, and record."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from dp_accounting import NonPrivateDpEvent
from safetensors.torch import load_file, save_file

from defenses.accounting.price import price
from defenses.base import Defense, Trained
from defenses.pate.scheme import PATE
from defenses.registry import SCHEMES
from leaderboard.experiment.evaluate import attacks_of, besiege
from leaderboard.experiment.pending import SCHEME, code_of, remaining
from leaderboard.experiment.references import load_references
from leaderboard.experiment.start import recipe_from_start
from leaderboard.experiment.teacher_votes import load_ballots
from leaderboard.game.build import deal
from leaderboard.game.game import Game
from leaderboard.jobs.job import Report
from leaderboard.records.record import Record
from leaderboard.records.run_folder import write_record
from leaderboard.spec.paths import stamps, weights_digest, weights_file
from leaderboard.spec.suite import SUBMISSION, Cell
from targets.core.clock import Clock
from targets.core.errors import OverheardError
from targets.core.files import whole_file
from targets.core.progress import listening, stage
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Corpus, Utterance
from targets.speech.wer import word_error_rate
from targets.training.recipe import Recipe

BEAM = 4  # of the transcripts that word error rates are measured on
MOST_HEARD = 100  # members, and held-out candidates, that are transcribed to be compared


def defense_of(cell: Cell) -> Defense:
    """Return the defense of a cell.

    Raises:
        OverheardError: the scheme has no such option.
    """
    promise = {} if cell.epsilon is None else {"epsilon": cell.epsilon}
    try:
        return SCHEMES[cell.scheme](**promise, **cell.options)
    except TypeError as error:
        raise OverheardError(f"scheme {cell.label!r}: options: {error}") from None


def run_cell(
    cell: Cell, out: Path, data: Path, *, report: Report, defense: Defense | None = None
) -> None:
    """Do what remains of one cell, and write its record.

    `defense` trains it, or else the scheme that the cell names. Weights from an earlier run serve
    again where the speech is still the same; then only the attacks that changed are run, and what
    the others found is taken from the earlier record.
    """
    clock = Clock()
    left = remaining(out, cell, stamps(cell.conditions, data))
    with listening(report):
        with stage(0.0, 0.05), clock("speech"):
            game = deal(cell.conditions, cell.seed, data)
            recipe = recipe_from_start(cell.conditions, cell.target, cell.seed, out, data, game)
            references = load_references(cell, attacks_of(cell), out, data, game, recipe)
        if left.trained is not None and left.trained.corpora == _digests(game):
            begun, attacks = _kept(left.trained, cell), left.attacks
            recognizer = load_recognizer(recipe, out, cell)
        else:
            with stage(0.05, 0.75):
                chosen = defense or defense_of(cell)
                begun, recognizer = _train(cell, chosen, out, data, game, recipe, clock)
            attacks = tuple(choice.name for choice in cell.conditions.attacks)
        with stage(0.75, 1.0):
            record = besiege(begun, attacks, game, recipe, recognizer, references, clock)
    write_record(record, out, correction=left.recorded)


def recognizer_of(recipe: Recipe, trained: Trained) -> Recognizer:
    """Return the trained target.

    Raises:
        OverheardError: the weights do not fit the target, or are not finite.
    """
    recognizer = recipe.build()
    try:
        recognizer.load_state_dict(trained.weights)
    except RuntimeError as error:
        raise OverheardError(f"the weights do not fit the target: {error}") from None
    bad = [name for name, w in trained.weights.items() if not torch.isfinite(w).all()]
    if bad:
        raise OverheardError(f"weights are not finite: {', '.join(bad[:3])}")
    return recognizer.requires_grad_(False)


def load_recognizer(recipe: Recipe, out: Path, cell: Cell) -> Recognizer:
    """Return the target that a finished cell trained."""
    recognizer = recipe.build()
    recognizer.load_state_dict(load_file(weights_file(out, cell)))
    return recognizer


def _train(
    cell: Cell,
    defense: Defense,
    out: Path,
    data: Path,
    game: Game,
    recipe: Recipe,
    clock: Clock,
) -> tuple[Record, Recognizer]:
    """Return what is known of a cell before it is attacked, and its target."""
    rng = Randomness(cell.seed)
    training = rng.child("training", cell.target, cell.scheme)
    train = partial(defense.train, recipe, game.members, game.public, training)
    if isinstance(defense, PATE):
        ballots, clock.seconds["poll"] = load_ballots(defense.poll, cell, out, data, game)
        train = partial(defense.learn, recipe, game.public, ballots, training)
    with stage(0.0, 0.9), clock("training"):
        trained = train()
    recognizer = recognizer_of(recipe, trained)
    with whole_file(weights_file(out, cell)) as aside:
        save_file(trained.weights, aside)
    basis = "claimed" if cell.scheme == SUBMISSION else "audited code"
    # Where nothing is promised, an audit of whatever has a coin contradicts nothing.
    unit = game.unit if isinstance(trained.event, NonPrivateDpEvent) else trained.unit
    guarantee = price(trained.event, recipe.delta, unit=unit, basis=basis)
    with stage(0.9, 1.0), clock("transcribing"):
        error_rates = {
            name: word_error_rate(
                utterances, recognizer.transcribe(utterances, BEAM), rng.child("wer", name)
            )
            for name, utterances in _heard(game).items()
        }
    begun = Record(
        cell=cell,
        status="ok",
        corpora=_digests(game),
        stamps=stamps(cell.conditions, data),
        weights=weights_digest(out, cell),
        event=repr(trained.event),
        guarantee=guarantee,
        wer=error_rates["test"],
        wer_members=error_rates["members"],
        wer_held_out=error_rates["held_out"],
        coins={c.id: bool(heads) for c, heads in zip(game.candidates, game.coins, strict=True)},
        notes=dict(trained.notes),
        fingerprints={SCHEME: code_of(cell, out)},
    )
    return begun, recognizer


def _kept(earlier: Record, cell: Cell) -> Record:
    """Return an earlier record as if made now, under the cell's present list of attacks."""
    made_anew = {"cell", "status", "reason", "code", "packages", "hardware", "made", "supersedes"}
    kept: dict[str, Any] = {
        name: getattr(earlier, name) for name in Record.model_fields if name not in made_anew
    }
    return Record(cell=cell, status="ok", **kept)


def _heard(game: Game) -> dict[str, tuple[Utterance, ...]]:
    """Return whose word error rates are measured: the test, some members, some held out."""
    canary_free = [c for c in game.candidates if "canary" not in c.attributes]
    coins = dict(zip((c.id for c in game.candidates), game.coins, strict=True))
    return {
        "test": game.test,
        "members": tuple(c for c in canary_free if coins[c.id])[:MOST_HEARD],
        "held_out": tuple(c for c in canary_free if not coins[c.id])[:MOST_HEARD],
    }


def _digests(game: Game) -> dict[str, str]:
    groups = {"public": game.public, "private": game.candidates, "test": game.test}
    return {name: Corpus(name, tuple(group)).digest for name, group in groups.items()}
