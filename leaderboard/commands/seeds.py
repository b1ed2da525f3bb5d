"""Which seeds a run takes: those of the suite, those it is given, or one that nobody can guess.

From the seed of a game follow its coins, and a submission is given numbers that follow from the
seed too. So it can try seeds until one fits, unless there are too many to try.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Annotated

import typer

from leaderboard.spec.suite import Suite
from targets.core.errors import OverheardError

BITS = 63

Given = Annotated[
    list[int], typer.Option("--seed", min=0, help="In place of the suite's; its coins are others.")
]
Fresh = Annotated[
    bool, typer.Option("--fresh-seed", help="One drawn now, of 63 bits: for reviewers.")
]


def chosen_seeds(suite: Suite, given: Sequence[int], fresh: bool) -> tuple[int, ...]:
    """Return the seeds of a run, and tell of one that is drawn here how to go on with it.

    Raises:
        OverheardError: seeds are given and one is to be drawn, too.
    """
    if given and fresh:
        raise OverheardError("--seed and --fresh-seed: give one of them")
    if not fresh:
        return tuple(given) or suite.seeds
    drawn = secrets.randbits(BITS)
    typer.echo(f"seed {drawn}: to go on after an interruption, --seed {drawn}", err=True)
    return (drawn,)


def at_seeds(suite: Suite, given: Sequence[int], fresh: bool) -> Suite:
    """Return a suite at the chosen seeds: as it is, where none are asked for.

    Raises:
        OverheardError: see `chosen_seeds`.
    """
    if not given and not fresh:
        return suite
    seeds = chosen_seeds(suite, given, fresh)
    return suite.model_copy(update={"seeds": seeds, "more_seeds": {}})
