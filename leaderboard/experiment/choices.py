"""The scheme and the attacks that a cell names, made with its options."""

from __future__ import annotations

from attacks.base import Attack
from attacks.registry import ATTACKS
from defenses.base import Defense
from defenses.registry import SCHEMES
from leaderboard.spec.suite import Cell, Conditions
from targets.core.errors import OverheardError


def defense_of(cell: Cell) -> Defense:
    """Return the defense of a cell.

    Raises:
        OverheardError: the scheme has no such option.
    """
    promise = {} if cell.epsilon is None else {"epsilon": cell.epsilon}
    try:
        return SCHEMES.load(cell.scheme)(**promise, **cell.options)
    except TypeError as error:
        raise OverheardError(f"scheme {cell.label!r}: options: {error}") from None


def attacks_of(conditions: Conditions) -> dict[str, Attack]:
    """Return the attacks of a suite by name.

    Raises:
        OverheardError: an attack has no such option.
    """
    attacks: dict[str, Attack] = {}
    for choice in conditions.attacks:
        try:
            attacks[choice.name] = ATTACKS.load(choice.name)(**choice.options)
        except TypeError as error:
            raise OverheardError(f"attack {choice.name!r}: options: {error}") from None
    return attacks
