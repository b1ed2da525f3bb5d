"""One stage of an experiment on so much speech, as a process of its own.

`python -m tests.bench.growth.stage STAGE UTTERANCES CACHE`. All but `speech` find their speech in
the cache. A stage gets all of it: every utterance is trained on, or attacked. Each imports what it
needs, and nothing that others do.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import embedded_corpus

if TYPE_CHECKING:
    from targets.training.recipe import Recipe

VOICES, SEED = 40, 0
CHANNELS, HIDDEN, BATCH = 96, 64, 16  # of the suite `quick`
PUBLIC = 100  # utterances that features are standardised by
LARGEST_BATCH = 256  # of edpsgd

Spoken = Sequence[Utterance]


def recipe_of(spoken: Spoken) -> Recipe:
    """Return the recipe of one epoch of `ctc`, whose start has learnt nothing."""
    from leaderboard.game.recipe import default_delta
    from targets.speech.tokens import Characters
    from targets.training.recipe import Recipe, Schedule

    recipe = Recipe(
        target="ctc",
        tokens=Characters(),
        channels=CHANNELS,
        hidden=HIDDEN,
        schedule=Schedule(1, BATCH),
        delta=default_delta(len(spoken)),
        expected_members=len(spoken),
    )
    untrained = recipe.untrained(Randomness(SEED))
    untrained.logmel.calibrate(spoken[:PUBLIC])
    return replace(recipe, start=untrained.state_dict())


def plain(spoken: Spoken) -> None:
    """Train one epoch without privacy."""
    from defenses.public.nonprivate import NonPrivate

    NonPrivate().train(recipe_of(spoken), spoken, (), Randomness(SEED))


def edpsgd(spoken: Spoken) -> None:
    """Train one epoch with privacy."""
    from defenses.dpsgd.scheme import EDPSGD

    scheme = EDPSGD(epsilon=10, epochs=1, batch_size=min(LARGEST_BATCH, len(spoken)))
    scheme.train(recipe_of(spoken), spoken, (), Randomness(SEED))


def membership(spoken: Spoken) -> None:
    """Score all speech by its loss, with the figures, their intervals and the audit.

    The target is untrained: what it costs to ask does not depend on its weights.
    """
    from attacks.base import view_of
    from attacks.membership.loss import Loss
    from leaderboard.experiment import measure
    from leaderboard.game.game import flip

    recipe, rng = recipe_of(spoken), Randomness(SEED)
    view = view_of("scores", recipe.build(), recipe.build(), spoken[:PUBLIC])
    found = Loss().score(view, spoken, rng)
    coins = dict(zip((u.id for u in spoken), flip(spoken, rng).tolist(), strict=True))
    measure.leakage(found, coins, rng)
    measure.audit({"membership": found}, coins, recipe.delta, "gaussian")


STAGES: dict[str, Callable[[Spoken], None]] = {
    "speech": lambda spoken: None,  # noqa: ARG005
    "plain": plain,
    "edpsgd": edpsgd,
    "membership": membership,
}


def main(stage: str, utterances: str, cache: str) -> None:
    """Do a stage."""
    corpus = embedded_corpus(
        speakers=VOICES, utterances=int(utterances), seed=SEED, cache=Path(cache)
    )
    STAGES[stage](corpus.utterances)


if __name__ == "__main__":
    main(*sys.argv[1:])
