"""What one cell of a suite does: train, price and transcribe, then be attacked, and record."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from dp_accounting import DpEvent, NonPrivateDpEvent
from safetensors.torch import load_file, save_file

from defenses.accounting.groups import group_guarantee
from defenses.accounting.guarantee import Guarantee
from defenses.accounting.price import price
from defenses.accounting.trade_off import largest_auc
from defenses.base import Defense, SharingDefense, Trained
from defenses.registry import SCHEMES
from leaderboard.experiment.choices import attacks_of, defense_of
from leaderboard.experiment.evaluate import attacked
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.found_cohorts import cohorts_of
from leaderboard.experiment.pending import SCHEME, code_of, pending
from leaderboard.experiment.stages.references import ReferenceModels, references_wanted
from leaderboard.experiment.stages.scheme_work import SchemeWork
from leaderboard.game.game import Game, repetitions
from leaderboard.jobs.job import Report
from leaderboard.records.record import Record, hardware_of
from leaderboard.records.run_folder import write_record
from leaderboard.spec.cell import Cell
from leaderboard.spec.paths import weights_digest, weights_file
from targets.core.clock import Clock
from targets.core.digests import digest_of
from targets.core.errors import OverheardError
from targets.core.files import whole_file
from targets.core.progress import listening, stage
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Corpus, Utterance
from targets.speech.wer import errors_by_speaker, rate_of
from targets.training.recipe import Recipe

GROUP_GRID = 1e-2  # of the privacy losses of groups: about a second each
BEAM = 4  # of the transcripts that word error rates are measured on
MOST_TRANSCRIBED = 100  # members, and held-out candidates, that are transcribed to be compared


def run_cell(
    cell: Cell, experiment: Experiment, *, report: Report, defense: Defense | None = None
) -> None:
    """Do what is pending of one cell, and write its record.

    `defense` trains it, or else the scheme that the cell names. Weights from an earlier run serve
    again where the speech is still the same; then only the attacks that changed are run, and what
    the others found is taken from the earlier record.
    """
    clock, out = Clock(), experiment.out
    left = pending(out, cell, experiment.stamps)
    with listening(report):
        with stage(0.0, 0.05), clock("speech"):
            game, recipe = experiment.game, experiment.recipe
            attacks = attacks_of(cell.conditions)
            models = ReferenceModels(experiment, attacks) if references_wanted(attacks) else None
            references = models.load() if models else None
        if left.trained is not None and left.trained.corpora == _digests(game):
            begun, names = _kept(left.trained, cell, recipe), left.attacks
            recognizer = load_recognizer(experiment, cell)
        else:
            with stage(0.05, 0.75):
                begun, recognizer = _train(cell, defense or defense_of(cell), experiment, clock)
            names = tuple(attacks)
        with stage(0.75, 1.0):
            record = attacked(begun, names, experiment, recognizer, references, clock)
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


def training_rng(experiment: Experiment, cell: Cell) -> Randomness:
    """Return the random numbers that a cell's scheme trains with.

    They are its own for every ε and setting: rows may be released together.
    """
    setting = digest_of({"epsilon": cell.epsilon, "options": cell.options})
    return experiment.rng("training", cell.target, cell.scheme, setting)


def load_recognizer(experiment: Experiment, cell: Cell) -> Recognizer:
    """Return the target that a finished cell trained."""
    recognizer = experiment.recipe.build()
    recognizer.load_state_dict(load_file(weights_file(experiment.out, cell)))
    return recognizer.requires_grad_(False)


def _train(
    cell: Cell, defense: Defense, experiment: Experiment, clock: Clock
) -> tuple[Record, Recognizer]:
    """Return what is known of a cell before it is attacked, and its target."""
    game, recipe, out = experiment.game, experiment.recipe, experiment.out
    rng = training_rng(experiment, cell)
    if isinstance(defense, SharingDefense):
        shared, clock.seconds["poll"] = SchemeWork(experiment, defense.shared_work).load()
        train = partial(defense.finish, recipe, game.public, shared, rng)
    else:
        train = partial(defense.train, recipe, game.members, game.public, rng)
    with stage(0.0, 0.9), clock("training"):
        trained = train()
    recognizer = recognizer_of(recipe, trained)
    with whole_file(weights_file(out, cell)) as aside:
        save_file(trained.weights, aside)
    # What nobody here wrote, submitted or installed, is a claim.
    basis = "audited code" if SCHEMES.is_own(cell.scheme) else "claimed"
    # Where nothing is promised, an audit contradicts nothing: it may be of whatever has the coins.
    unit = game.unit if isinstance(trained.event, NonPrivateDpEvent) else trained.unit
    guarantee = price(trained.event, recipe.delta, unit=unit, basis=basis)
    # Of the unit that is attacked; of another than the promise's nothing is known.
    allowed = largest_auc(trained.event) if unit == game.unit else None
    with stage(0.9, 1.0), clock("transcribing"):
        errors = {
            name: errors_by_speaker(utterances, recognizer.transcribe(utterances, BEAM))
            for name, utterances in _transcribed(game).items()
        }
        error_rates = {
            name: rate_of(counts, experiment.rng("wer", name)) for name, counts in errors.items()
        }
    begun = Record(
        cell=cell,
        status="ok",
        corpora=_digests(game),
        stamps=experiment.stamps,
        weights=weights_digest(out, cell),
        event=repr(trained.event),
        guarantee=guarantee,
        auc_allowed=allowed,
        group_epsilon=_of_groups(trained.event, game, guarantee),
        wer=error_rates["test"],
        wer_members=error_rates["members"],
        wer_held_out=error_rates["held_out"],
        word_errors=errors["test"],
        coins={c.id: bool(coin) for c, coin in zip(game.candidates, game.coins, strict=True)},
        speakers=_speakers(game),
        cohorts=cohorts_of(game),
        repetitions={c.id: n for c in game.candidates if (n := repetitions(c)) > 1},
        notes=dict(trained.notes),
        fingerprints={SCHEME: code_of(cell, out)},
        hardware=hardware_of(recipe.device),
    )
    return begun, recognizer


def _kept(earlier: Record, cell: Cell, recipe: Recipe) -> Record:
    """Return an earlier record as if made now, under the cell's present list of attacks."""
    made_anew = {"cell", "status", "reason", "code", "packages", "hardware", "made", "supersedes"}
    kept: dict[str, Any] = {
        name: getattr(earlier, name) for name in Record.model_fields if name not in made_anew
    }
    return Record(cell=cell, status="ok", hardware=hardware_of(recipe.device), **kept)


def _transcribed(game: Game) -> dict[str, tuple[Utterance, ...]]:
    """Return whose word error rates are measured: the test, some members, some held out."""
    is_member = dict(zip((c.id for c in game.candidates), game.coins, strict=True))
    plain = [c for c in game.candidates if "canary" not in c.attributes]
    return {
        "test": game.test,
        "members": tuple(c for c in plain if is_member[c.id])[:MOST_TRANSCRIBED],
        "held_out": tuple(c for c in plain if not is_member[c.id])[:MOST_TRANSCRIBED],
    }


def _of_groups(event: DpEvent, game: Game, one: Guarantee) -> dict[str, float]:
    """Return the ε of candidates that are said several times, by how often, if any is promised."""
    sizes = sorted({repetitions(c) for c in game.candidates} - {1})
    if one.promised is None or one.delta is None or (one.unit, game.unit) != ("utterance",) * 2:
        return {}
    return {
        str(size): group_guarantee(event, one.delta, size, least_grid=GROUP_GRID).epsilon
        for size in sizes
    }


def _speakers(game: Game) -> dict[str, tuple[str, ...]]:
    said: dict[str, tuple[str, ...]] = {}
    for candidate in game.candidates:
        said[candidate.speaker] = (*said.get(candidate.speaker, ()), candidate.id)
    return said


def _digests(game: Game) -> dict[str, str]:
    groups = {"public": game.public, "private": game.candidates, "test": game.test}
    return {name: Corpus(name, tuple(group)).digest for name, group in groups.items()}
