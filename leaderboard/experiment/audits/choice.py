"""What audits a cell: the attack that its suite fixed, and how many guesses it makes.

The number of guesses is chosen on reference models, each as the target of the others. They tell
nothing of the target's coins, so that the choice spends none of the audit's level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from attacks.base import Attack, References
from attacks.references import FEWEST, Comparative, each_as_the_target
from attacks.statistics.audit import audited_epsilon
from attacks.statistics.evidence import Noise, Trials
from attacks.statistics.guesses import Share
from leaderboard.experiment.measure import EVERY, Chosen
from leaderboard.game.game import Game, is_single
from leaderboard.spec.cell import Conditions
from leaderboard.spec.choices import Side
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance

# Of the candidates, most first: of equally good shares the first has the highest ceiling.
SHARES = (1.0, 0.75, 0.5, 0.25, 0.125)
# With twelve hundred candidates its ceiling is above ε = 10, and weak attacks prove with it about
# as much as with fewer guesses.
WITHOUT_REFERENCES = 0.5


def audit_of(
    conditions: Conditions,
    attack: Attack | None,
    references: References | None,
    game: Game,
    delta: float,
    noise: Noise,
    rng: Randomness,
) -> Chosen:
    """Return what audits a cell under its suite's conditions; `attack` is the one they fix."""
    if conditions.audit is None:
        return EVERY
    side = conditions.audit.side
    share = conditions.audit.guesses
    if share is None:
        share = WITHOUT_REFERENCES
        # A speaker's score is a mean over what they said: the references are few for that.
        if isinstance(attack, Comparative) and references is not None and game.unit == "utterance":
            found = trials_on_references(attack, references, game.candidates, rng)
            share = best_share(found, delta, noise, side) or share
    return Chosen((conditions.audit.attack,), on_side(share, side))


def on_side(share: float, side: Side) -> Share:
    """Return the guesses on a share of the candidates, all of it on one side or half on each."""
    sides: dict[Side, Share] = {
        "both": share,
        "members": (share, 0.0),
        "held-out": (0.0, share),
    }
    return sides[side]


def trials_on_references(
    attack: Comparative,
    references: References,
    candidates: Sequence[Utterance],
    rng: Randomness,
) -> list[Trials]:
    """Return the trials of an attack on each of its references, by the others; or none at all.

    It takes one reference more to be the target than the attack then compares with.
    """
    fewer = replace(attack, references=attack.references - 1)  # type: ignore[type-var]
    if fewer.references < FEWEST or len(references) != attack.references:
        return []
    single = [c for c in candidates if is_single(c, "utterance")]
    found = []
    for view, trained_on in each_as_the_target(references):
        scores = fewer.score(view, single, rng).scores
        heads = np.array([c.id in trained_on for c in single], dtype=bool)
        if heads.any() and not heads.all():
            found.append(Trials(scores[heads], scores[~heads], "utterance", "one_run"))
    return found


def best_share(
    found: Sequence[Trials], delta: float, noise: Noise, side: Side = "both"
) -> float | None:
    """Return the share of guesses by which most is proven of the references, on average."""
    if not found:
        return None

    def proven(share: float) -> float:
        guesses = on_side(share, side)
        bounds = [audited_epsilon(t, delta=delta, noise=noise, guesses=guesses) for t in found]
        return float(np.mean([bound.low if bound.scored else 0.0 for bound in bounds]))

    return max(SHARES, key=proven)
