"""A trained target under attack: what each attack finds, what all of it proves, and the verdict."""

from __future__ import annotations

import math
import re
import traceback
from collections.abc import Collection
from typing import Any

import numpy as np

from attacks.base import VIEWS, Attack, Findings
from attacks.references import References
from attacks.registry import ATTACKS
from attacks.statistics.evidence import Noise
from leaderboard.experiment import measure
from leaderboard.experiment.fingerprints import attack_code
from leaderboard.experiment.pending import SCHEME
from leaderboard.game.game import Game
from leaderboard.records.record import Record
from leaderboard.spec.suite import Cell
from leaderboard.views.table import HEADLINE
from targets.core.clock import Clock
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from targets.core.progress import stage
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.training.recipe import Recipe

NARROWEST = tuple(VIEWS)  # first: what an attack has learnt is for those that may see as much

# Events that hold others, and events whose trade-off curve lies above a Gaussian one. Of no
# mechanism nothing is known either: without DP the bound that assumes nothing is honest, although a
# Gaussian one would be larger and look better beside the other rows.
COMPOSITIONS = {"ComposedDpEvent", "PoissonSampledDpEvent", "SelfComposedDpEvent"}
GAUSSIAN = {"GaussianDpEvent"}


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


def besiege(
    begun: Record,
    names: Collection[str],
    game: Game,
    recipe: Recipe,
    recognizer: Recognizer,
    references: References | None,
    clock: Clock,
) -> Record:
    """Return a record with the findings of the named attacks of its cell, and the verdict of all.

    Those of the cell's other attacks stay as they are, those of any further ones go.
    """
    cell, rng = begun.cell, Randomness(begun.cell.seed)
    every = attacks_of(cell)
    kept = set(every) - set(names)
    scores = {name: found for name, found in begun.scores.items() if name in kept}
    leakages = {name: found for name, found in begun.leakages.items() if name in kept}
    start = recipe.build().requires_grad_(False)
    public = [u for u in game.public if u.text]
    anew = {name: attack for name, attack in every.items() if name in names}
    for number, (name, attack) in enumerate(anew.items()):
        with stage(number / len(anew), (number + 1) / len(anew)), clock(name):
            known = {
                repr(every[earlier]): scores[earlier]
                for earlier in scores
                if NARROWEST.index(every[earlier].access) <= NARROWEST.index(attack.access)
            }
            view = VIEWS[attack.access](recognizer, start, public, references, known)
            try:
                found = attack.score(view, game.candidates, rng.child("attack", name))
                figures = measure.leakage(
                    found, begun.coins, rng.child("intervals", name), game.unit
                )
            except Exception as error:
                # What has been computed is worth keeping, and a missing figure is not a zero.
                traceback.print_exc()
                reason = f"the attack failed: {type(error).__name__}: {error}"
                leakages[name] = {HEADLINE.get(name, "auc"): Estimate.unscored(reason)}
            else:
                pairs = zip(found.candidates, found.scores, strict=True)
                scores[name] = {c.id: float(s) for c, s in pairs}
                leakages[name] = figures
    seconds = {**begun.seconds, **clock.seconds}
    dropped = set(begun.leakages) - set(every)
    prints = {n: p for n, p in begun.fingerprints.items() if n == SCHEME or n in kept}
    content: dict[str, Any] = {
        "access": {name: attack.access for name, attack in every.items()},
        "scores": {name: scores[name] for name in every if name in scores},
        "leakages": {name: leakages[name] for name in every},
        "seconds": {name: s for name, s in seconds.items() if name not in dropped},
        "fingerprints": prints | {name: attack_code(name) for name in anew},
    }
    return _judged(begun.model_copy(update=content), game)


def _judged(record: Record, game: Game) -> Record:
    """Return a record with its audited ε, and what that says of the promised one."""
    assert record.guarantee is not None
    claimed, delta = record.guarantee.epsilon, record.guarantee.delta
    assert delta is not None
    candidates = {c.id: c for c in game.candidates}
    findings = {
        name: Findings(tuple(candidates[i] for i in found), np.array(list(found.values())))
        for name, found in record.scores.items()
    }
    audited = measure.audit(
        findings,
        record.coins,
        delta,
        noise_of(str(record.event)),
        game.unit,
        record.guarantee.unit,
    )
    claimed = math.inf if claimed is None else claimed
    falsified = audited.scored and audited.low > claimed
    verdict = {
        "audited_epsilon": audited,
        "status": "falsified" if falsified else "ok",
        "reason": (
            f"audited ε is at least {audited.low:.3g}, claimed {claimed:.3g}" if falsified else None
        ),
    }
    return record.model_copy(update=verdict)


def noise_of(event: str) -> Noise:
    """Return whether an event, as a record tells it, is all Gaussian; "any" if that is unsure."""
    named = set(re.findall(r"\w+(?=\()", event)) - COMPOSITIONS
    return "gaussian" if named and named <= GAUSSIAN else "any"
