"""Reference models of the attacker: trained once per suite, target and seed, for every scheme.

They are trained without privacy on the suite's schedule, each on a random half of the candidates:
matched to `none`, and to the other schemes as far as an attacker can who has no noise to add.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from attacks.base import Attack, view_of
from attacks.references import Comparative, Memory, References
from leaderboard.experiment.fingerprints import attack_code
from leaderboard.experiment.start import recipe_from_start
from leaderboard.game.build import deal
from leaderboard.game.game import Game
from leaderboard.jobs.job import Report
from leaderboard.spec.paths import EMBEDDED
from leaderboard.spec.suite import Cell, Conditions, digest_of
from targets.core.digests import stamp
from targets.core.files import whole_file
from targets.core.progress import listening, stage
from targets.core.randomness import Randomness
from targets.training.ensemble import Ensemble, fit_ensemble
from targets.training.recipe import Recipe

Attacks = Mapping[str, Attack]


def references_wanted(attacks: Attacks) -> int:
    """Return how many reference models serve all of the attacks."""
    return max((a.references for a in _comparative(attacks).values()), default=0)


def scores_file(
    out: Path, conditions: Conditions, target: str, seed: int, attacks: Attacks, data: Path
) -> Path:
    """Return where the attacks' signals on the references are kept, the last file to be written."""
    weights = _weights_file(out, conditions, target, seed, references_wanted(attacks), data)
    content = {
        name: [attack_code(name), *map(repr, attack.signals)]
        for name, attack in _comparative(attacks).items()
    }
    return weights.with_name(f"{weights.stem}-{digest_of(content)[:12]}.safetensors")


def train_references(
    conditions: Conditions,
    target: str,
    seed: int,
    attacks: Attacks,
    out: Path,
    data: Path,
    *,
    report: Report,
) -> None:
    """Train the reference models, take the attacks' signals on them, and keep both."""
    count = references_wanted(attacks)
    rng = Randomness(seed).child("references", target)
    weights = _weights_file(out, conditions, target, seed, count, data)
    with listening(report):
        with stage(0.0, 0.05):
            game = deal(conditions, seed, data)
            recipe = recipe_from_start(conditions, target, seed, out, data, game)
        with stage(0.05, 0.8):
            if not weights.exists():
                shards = [_redealt(game, number, rng).members for number in range(count)]
                trained = fit_ensemble(recipe, shards, recipe.schedule, rng.child("fit"))
                with whole_file(weights) as aside:
                    save_file(dict(trained.weights), aside)
        references = _references(Ensemble(recipe, load_file(weights)), game, rng)
        signals = {repr(s): s for a in _comparative(attacks).values() for s in a.signals}
        scores = {}
        for number, (name, signal) in enumerate(signals.items()):
            with stage(*(0.8 + 0.2 * (number + k) / len(signals) for k in (0, 1))):
                scores[name] = torch.from_numpy(references.scores(signal, game.candidates))
    with whole_file(scores_file(out, conditions, target, seed, attacks, data)) as aside:
        save_file(scores, aside)


def load_references(
    cell: Cell, attacks: Attacks, out: Path, data: Path, game: Game, recipe: Recipe
) -> References | None:
    """Return the references that the attacks of a cell want, None where none does."""
    count = references_wanted(attacks)
    if not count:
        return None
    of_whom = cell.conditions, cell.target, cell.seed
    weights = load_file(_weights_file(out, *of_whom, count, data))
    kept = load_file(scores_file(out, *of_whom, attacks, data))
    memory: Memory = {
        name: {c.id: row for c, row in zip(game.candidates, scores.numpy().T, strict=True)}
        for name, scores in kept.items()
    }
    rng = Randomness(cell.seed).child("references", cell.target)
    return _references(Ensemble(recipe, weights), game, rng, memory)


def _comparative(attacks: Attacks) -> dict[str, Comparative]:
    return {name: a for name, a in attacks.items() if isinstance(a, Comparative)}


def _weights_file(
    out: Path, conditions: Conditions, target: str, seed: int, count: int, data: Path
) -> Path:
    speech = conditions.speech
    content = conditions.model_dump(mode="json", exclude={"attacks"}) | {
        "references": count,
        "stamps": [
            stamp(data / one.source)
            for one in (speech.public, speech.private)
            if one.source != EMBEDDED
        ],
    }
    return out / "references" / f"{target}-seed{seed}-{digest_of(content)[:12]}.safetensors"


def _redealt(game: Game, number: int, rng: Randomness) -> Game:
    """Return the game with the attacker's own coins for one reference model."""
    return game.redealt(rng.child("coins", number))


def _references(
    ensemble: Ensemble, game: Game, rng: Randomness, memory: Memory | None = None
) -> References:
    start = ensemble.recipe.build()
    public = [u for u in game.public if u.text]
    views, trained_on = [], []
    for number in range(ensemble.size):
        views.append(view_of("weights", ensemble.recognizer(number), start, public))
        trained_on.append(frozenset(m.id for m in _redealt(game, number, rng).members))
    # Not the seed of the game, from which its coins follow at once.
    own = Randomness(rng.child("signals").integer())
    return References(views, trained_on, own, memory or {})
