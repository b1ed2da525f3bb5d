"""What one cell of a suite does: train, price, measure, attack, record."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from dp_accounting import (
    ComposedDpEvent,
    DpEvent,
    GaussianDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
)
from safetensors.torch import load_file, save_file

from attacks.base import VIEWS, Attack, Findings
from attacks.battery import ATTACKS
from attacks.evidence import Noise
from defenses.accounting import price
from defenses.base import Defense, Trained
from defenses.schemes import SCHEMES
from leaderboard import measure
from leaderboard.atomic import whole_file
from leaderboard.corpora import deal
from leaderboard.game import Game
from leaderboard.record import Guarantee, Record, failed_record, write_record
from leaderboard.runner import Report
from leaderboard.start import recipe_from_start
from leaderboard.suite import Cell
from leaderboard.table import HEADLINE
from targets.errors import OverheardError
from targets.estimate import Estimate
from targets.progress import listening, stage
from targets.randomness import Randomness
from targets.recipe import Recipe
from targets.recognizer import Recognizer
from targets.speech import Corpus, Utterance
from targets.wer import word_error_rate

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


def attacks_of(cell: Cell) -> dict[str, Attack]:
    """Return the attacks of a cell by name.

    Raises:
        OverheardError: an attack has no such option.
    """
    attacks: dict[str, Attack] = {}
    for choice in cell.conditions.attacks:
        try:
            attacks[choice.name] = ATTACKS[choice.name](**choice.options)
        except TypeError as error:
            raise OverheardError(f"attack {choice.name!r}: options: {error}") from None
    return attacks


def weights_file(out: Path, cell: Cell) -> Path:
    """Return where the weights of a cell are kept."""
    return out / "weights" / f"{cell.id}-{cell.training_digest[:12]}.safetensors"


def run_cell(cell: Cell, out: Path, data: Path, *, report: Report) -> None:
    """Train, attack and measure one cell, and write its record."""
    clock = _Clock()
    with listening(report):
        with stage(0.0, 0.05), clock("speech"):
            game = deal(cell.conditions, cell.seed, data)
            recipe = recipe_from_start(cell.conditions, cell.target, cell.seed, out, game)
        rng = Randomness(cell.seed)
        with stage(0.05, 0.7), clock("training"):
            training = rng.child("training", cell.target, cell.scheme)
            trained = defense_of(cell).train(recipe, game.members, game.public, training)
        recognizer = recognizer_of(recipe, trained)
        with whole_file(weights_file(out, cell)) as aside:
            save_file(trained.weights, aside)
        with stage(0.7, 1.0):
            record = _measure(cell, game, recipe, trained, recognizer, clock)
    write_record(record, out)


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


def record_failure(cell: Cell, out: Path, reason: str) -> None:
    """Write down that a cell failed, and why."""
    write_record(failed_record(cell, reason), out)


class _Clock:
    """Seconds spent in named stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)


def _measure(
    cell: Cell,
    game: Game,
    recipe: Recipe,
    trained: Trained,
    recognizer: Recognizer,
    clock: _Clock,
) -> Record:
    rng = Randomness(cell.seed)
    coins = {c.id: bool(heads) for c, heads in zip(game.candidates, game.coins, strict=True)}
    guarantee = price(trained.event, recipe.delta)
    with stage(0.0, 0.1), clock("transcribing"):
        error_rates = {
            name: word_error_rate(
                utterances, recognizer.transcribe(utterances, BEAM), rng.child("wer", name)
            )
            for name, utterances in _heard(game).items()
        }
    attacks = attacks_of(cell)
    findings: dict[str, Findings] = {}
    leakages: dict[str, dict[str, Estimate]] = {}
    start = recipe.build().requires_grad_(False)
    public = [u for u in game.public if u.text]
    for number, (name, attack) in enumerate(attacks.items()):
        begin, end = (0.1 + 0.9 * (number + k) / len(attacks) for k in (0, 1))
        with stage(begin, end), clock(name):
            view = VIEWS[attack.access](recognizer, start, public)
            try:
                findings[name] = attack.score(view, game.candidates, rng.child("attack", name))
                leakages[name] = measure.leakage(
                    findings[name], coins, rng.child("intervals", name)
                )
            except Exception as error:
                # What has been computed is worth keeping, and a missing figure is not a zero.
                traceback.print_exc()
                findings.pop(name, None)
                reason = f"the attack failed: {type(error).__name__}: {error}"
                leakages[name] = {HEADLINE.get(name, "auc"): Estimate.unscored(reason)}
    audited = measure.audit(findings, coins, guarantee.delta, _noise(trained.event))
    falsified = audited.scored and audited.low > guarantee.epsilon
    return Record(
        cell=cell,
        status="falsified" if falsified else "ok",
        reason=(
            f"audited ε is at least {audited.low:.3g}, claimed {guarantee.epsilon:.3g}"
            if falsified
            else None
        ),
        corpora=_digests(game),
        event=repr(trained.event),
        guarantee=Guarantee(
            epsilon=None if math.isinf(guarantee.epsilon) else guarantee.epsilon,
            delta=guarantee.delta,
            unit=guarantee.unit,
            relation=guarantee.relation,
            accountant=guarantee.accountant,
            basis=guarantee.basis,
        ),
        wer=error_rates["test"],
        wer_members=error_rates["members"],
        wer_held_out=error_rates["held_out"],
        leakages=leakages,
        audited_epsilon=audited,
        coins=coins,
        scores={
            name: {c.id: float(s) for c, s in zip(found.candidates, found.scores, strict=True)}
            for name, found in findings.items()
        },
        notes=dict(trained.notes),
        seconds=clock.seconds,
    )


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


def _noise(event: DpEvent) -> Noise:
    """Return whether an event's trade-off curve lies above a Gaussian one; "any" if unknown."""
    if isinstance(event, SelfComposedDpEvent | PoissonSampledDpEvent):
        return _noise(event.event)
    if isinstance(event, ComposedDpEvent):
        return "gaussian" if all(_noise(e) == "gaussian" for e in event.events) else "any"
    # Of no mechanism nothing is known either: without DP the bound that assumes nothing is honest,
    # although a Gaussian one would be larger and look better beside the other rows.
    return "gaussian" if isinstance(event, GaussianDpEvent) else "any"
