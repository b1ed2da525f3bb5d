"""A trained target under attack: what each attack finds, what all of it proves, and the verdict."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Hashable, Mapping
from typing import Any

import numpy as np

from attacks.base import VIEWS, Attack, Findings, Losses, References, view_of
from attacks.registry import ATTACKS
from attacks.statistics.verdict import verdict
from defenses.accounting.event_text import noise_kind_of_text
from leaderboard.experiment import measure
from leaderboard.experiment.audits.choice import audit_of
from leaderboard.experiment.choices import attacks_of, recipe_as_begun
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.fingerprints import attack_code
from leaderboard.experiment.pending import SCHEME
from leaderboard.records.record import Record
from targets.core.clock import Clock
from targets.core.estimate import Estimate
from targets.core.progress import stage
from targets.models.recognizer import Recognizer
from targets.training.recipe import Recipe

_start_losses: dict[Hashable, Losses] = {}


def attacked(
    begun: Record,
    names: Collection[str],
    experiment: Experiment,
    recognizer: Recognizer,
    references: References | None,
    clock: Clock,
) -> Record:
    """Return a record with the findings of the named attacks of its cell, and the verdict of all.

    Those of the cell's other attacks stay as they are, those of any further ones go.
    """
    game = experiment.game
    every = attacks_of(begun.cell.conditions)
    kept = set(every) - set(names)
    scores = {name: found for name, found in begun.scores.items() if name in kept}
    leakages = {name: found for name, found in begun.leakages.items() if name in kept}
    recipe = recipe_as_begun(begun.cell, experiment.recipe, recognizer.state_dict())
    start, start_losses = recipe.build(), _losses_of(recipe, begun, experiment)
    public = [u for u in game.public if u.text]
    anew = {name: attack for name, attack in every.items() if name in names}
    for number, (name, attack) in enumerate(anew.items()):
        with stage(number / len(anew), (number + 1) / len(anew)), clock(name):
            known = {
                repr(every[earlier]): scores[earlier]
                for earlier in scores
                # What an attack has learnt is for those that may see as much.
                if issubclass(VIEWS[attack.access], VIEWS[every[earlier].access])
            }
            view = view_of(
                attack.access, recognizer, start, public, references, known, start_losses
            )
            try:
                rng = experiment.rng("attack", name)
                found = attack.score(view, game.candidates, rng)
                figures = measure.leakage(
                    found, begun.coins, experiment.rng("intervals", name), game.unit
                )
            except Exception as error:
                # What has been computed is worth keeping, and a missing figure is not a zero.
                traceback.print_exc()
                reason = f"the attack failed: {type(error).__name__}: {error}"
                leakages[name] = {ATTACKS[name].figure: Estimate.unscored(reason)}
            else:
                pairs = zip(found.candidates, found.scores, strict=True)
                scores[name] = {c.id: float(s) for c, s in pairs}
                leakages[name] = figures
    seconds = {**begun.seconds, **clock.seconds}
    dropped = set(begun.leakages) - set(every)
    prints = {n: p for n, p in begun.fingerprints.items() if n == SCHEME or n in kept}
    content: dict[str, Any] = {
        "scores": {name: scores[name] for name in every if name in scores},
        "leakages": {name: leakages[name] for name in every},
        "access": {name: attack.access for name, attack in every.items()},
        "seconds": {name: s for name, s in seconds.items() if name not in dropped},
        "fingerprints": prints | {name: attack_code(name) for name in anew},
    }
    return _judged(begun.model_copy(update=content), experiment, every, references)


def _losses_of(recipe: Recipe, begun: Record, experiment: Experiment) -> Losses:
    """Return where the losses of a start are kept for the next cell of this process.

    What is kept is for the start, the speech and the device of the last cell alone.
    """
    at_student = recipe.start is not experiment.recipe.start
    begins = str(experiment.start_file), at_student, experiment.used_device
    wanted = (*begins, begun.corpora["public"], begun.corpora["private"])
    if wanted not in _start_losses:
        _start_losses.clear()
        _start_losses[wanted] = {}
    return _start_losses[wanted]


def _judged(
    record: Record,
    experiment: Experiment,
    attacks: Mapping[str, Attack],
    references: References | None,
) -> Record:
    """Return a record with its audited ε, and what that says of the promised one."""
    assert record.guarantee is not None
    claimed, delta = record.guarantee.promised, record.guarantee.delta
    assert delta is not None
    game, conditions = experiment.game, record.cell.conditions
    chosen = audit_of(
        conditions,
        attacks[conditions.audit.attack] if conditions.audit else None,
        references,
        game,
        delta,
        noise_kind_of_text(str(record.event)),
        experiment.rng("audit"),
    )
    candidates = {c.id: c for c in game.candidates}
    findings = {
        name: Findings(tuple(candidates[i] for i in found), np.array(list(found.values())))
        for name, found in record.scores.items()
    }
    evidence = (
        findings,
        record.coins,
        delta,
        noise_kind_of_text(str(record.event)),
        game.unit,
        record.guarantee.unit,
        tuple(record.leakages),
        chosen,
    )
    audited = measure.audit(*evidence)
    judgement: dict[str, Any] = {
        "audited_epsilon": audited,
        "audited_p": None,
        "status": "ok",
        "reason": None,
    }
    if claimed is not None and verdict(audited, claimed) == "falsified":
        judgement["audited_p"] = measure.p_value(claimed, *evidence)
        judgement["status"] = "falsified"
        judgement["reason"] = f"audited ε is at least {audited.low:.3g}, claimed {claimed:.3g}"
    return record.model_copy(update=judgement)
