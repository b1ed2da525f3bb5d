"""The scheme and the attacks that a cell names, and the public model that it began from."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from attacks.base import Attack
from attacks.registry import ATTACKS
from defenses.base import Defense
from defenses.registry import SCHEMES
from leaderboard.spec.cell import Cell, Conditions
from leaderboard.spec.options import made_with
from targets.training.recipe import Recipe


def defense_of(cell: Cell) -> Defense:
    """Return the defense of a cell.

    Raises:
        OverheardError: the scheme has no such option, or it cannot have that value.
    """
    promise = {} if cell.epsilon is None else {"epsilon": cell.epsilon}
    own = SCHEMES[cell.scheme].options
    return made_with(
        f"scheme {cell.label!r}", SCHEMES.load(cell.scheme), own, promise, cell.options
    )


def recipe_as_begun(cell: Cell, recipe: Recipe, trained: Mapping[str, Tensor]) -> Recipe:
    """Return the recipe whose start is the public model that a cell's training began from.

    It is what attacks calibrate the target by: against another model they would measure what that
    one lacks. Our schemes say where they begin; of any other it is the public model whose weights
    are nearest to those `trained`.
    """
    if cell.scheme in SCHEMES and SCHEMES.is_own(cell.scheme):
        at_student = SCHEMES[cell.scheme].begins_at_student
    elif recipe.student:
        at_student = _distance(recipe.student, trained) < _distance(recipe.start, trained)
    else:
        at_student = False
    return recipe.self_trained() if at_student else recipe


def _distance(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Return the Euclidean distance of two sets of weights with the same names."""
    parts = (float((w.cpu() - other[name].cpu()).double().norm()) for name, w in one.items())
    return math.hypot(*parts)


def attacks_of(conditions: Conditions) -> dict[str, Attack]:
    """Return the attacks of a suite by name.

    Raises:
        OverheardError: an attack has no such option, or it cannot have that value.
    """
    attacks: dict[str, Attack] = {}
    for choice in conditions.attacks:
        own = ATTACKS[choice.name].options
        make = ATTACKS.load(choice.name)
        attacks[choice.name] = made_with(f"attack {choice.name!r}", make, own, {}, choice.options)
    return attacks
