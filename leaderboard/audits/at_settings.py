"""What canaries prove of a scheme's mechanism at the very settings of a row of the leaderboard.

The mechanism is the scheme's own, at the row's noise, sampling rate, steps or votes. Thousands of
canaries go through it side by side, so that it takes seconds; what they prove follows from the
mechanism's own curve (`own_curve`).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, fields, replace

from dp_accounting import DpEvent

from attacks.statistics.gdp import mu_from_epsilon
from defenses.accounting.event_text import event_from_text, event_to_text
from defenses.base import Defense
from defenses.dpsgd.ftrl import DPFTRL
from defenses.dpsgd.scheme import DPSGD, EDPSGD
from defenses.dpsgd.self_trained import SelfTrainedEDPSGD
from defenses.federated.scheme import DPFedAvg
from defenses.pate.mechanism import NoisyVotes
from defenses.pate.scheme import PATE
from defenses.text.scheme import ADePT
from defenses.text.words import WordNoise
from leaderboard.audits import gradient_canaries, latent_canaries, vote_canaries
from leaderboard.audits.gradient_canaries import Evidence, Setting, subsampled_gaussian
from leaderboard.audits.own_curve import own_curve_bound
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness

CANARIES = 1_000  # of one training run
# So many leave the bound above 0.8 of ε, with room for bad luck; for the least ε it is what fits
# into a minute.
PAIRS, FEWEST_PAIRS, MOST_PAIRS = 26.0, 2_000, 20_000

OF_UPDATES = (
    "the auditor chooses the gradient of one utterance and sees every noisy update; "
    "the mechanism is of the kind that its event says, at whatever noise"
)
OF_DEVICES = (
    "the auditor chooses all that is on one device, as heavy as one may be, and sees every noisy "
    "sum of updates; the mechanism is of the kind that its event says, at whatever noise"
)
OF_COUNTS = (
    "the auditor moves the vote of one teacher in every query and sees every noisy count; "
    "the mechanism is of the kind that its event says, at whatever noise"
)
OF_LATENTS = (
    "the auditor chooses the latent of one transcript and sees what its device sends; "
    "the mechanism is of the kind that its event says, at whatever noise"
)


@dataclass(frozen=True)
class MechanismFound:
    """What canaries proved of a mechanism, what that assumes, and how long it took.

    `p_value` is that of the event: how often so much would be seen of a mechanism that is as told.
    """

    audited: Estimate
    p_value: float
    assumes: str
    scores: int
    seconds: float


def audit_at(
    defense: Defense,
    event_text: str,
    delta: float,
    epsilon: float,
    rng: Randomness,
    *,
    votes: int = 0,
    epoch: int = 1,
) -> MechanismFound:
    """Return what canaries prove of a defense's mechanism, which gave a row's event at δ.

    `epsilon` is what the row promises: the less it is, the more canaries it takes. `votes` is how
    many queries were voted on, where any were, `epoch` how many steps one has of a fixed order.

    Raises:
        OverheardError: nothing here watches the mechanism, or it gives another event now.
    """
    began = time.monotonic()
    event = event_from_text(event_text)
    pairs = pairs_for(epsilon, delta)
    evidence, assumes = _watched(defense, event, delta, pairs, votes, epoch, rng)
    if event_to_text(evidence.event) != event_text:
        raise OverheardError(f"the mechanism gives another event now: {evidence.event!r}")
    (trials,) = evidence.trials.values()
    audited, p_value = own_curve_bound(trials, event, delta)
    seconds = round(time.monotonic() - began, 1)
    return MechanismFound(audited, p_value, assumes, trials.size, seconds)


def pairs_for(epsilon: float, delta: float) -> int:
    """Return how many pairs of canaries prove most of ε."""
    mu = mu_from_epsilon(epsilon, delta)
    return min(MOST_PAIRS, max(FEWEST_PAIRS, math.ceil((PAIRS / mu) ** 2)))


def _watched(
    defense: Defense,
    event: DpEvent,
    delta: float,
    pairs: int,
    votes: int,
    epoch: int,
    rng: Randomness,
) -> tuple[Evidence, str]:
    runs = math.ceil(2 * pairs / CANARIES)
    if isinstance(defense, DPSGD | EDPSGD | SelfTrainedEDPSGD):
        _, rate = subsampled_gaussian(event)
        setting = Setting(_plain(defense), round(defense.batch_size / rate), delta)
        return gradient_canaries.side_by_side(setting, CANARIES, runs, rng), OF_UPDATES
    if isinstance(defense, DPFTRL):
        plain = replace(defense, weights="all")  # it trains a rig
        setting = Setting(plain, epoch * defense.batch_size, delta)
        return gradient_canaries.side_by_side(setting, CANARIES, runs, rng), OF_UPDATES
    if isinstance(defense, DPFedAvg):
        most = 1 if defense.selection == "uniform" else math.ceil(defense.heaviest)
        setting = Setting(
            # Local steps so long that every update is cut; on the average device one utterance in
            # each period.
            replace(defense, weights="all", local_rate=defense.clip),
            defense.clients * defense.periods,
            delta,
            repetitions=most * defense.periods,
        )
        return gradient_canaries.side_by_side(setting, CANARIES, runs, rng), OF_DEVICES
    if isinstance(defense, PATE):
        mechanism = defense.mechanism(votes)
        if isinstance(mechanism, NoisyVotes):
            calibrated = mechanism.calibrated(defense.epsilon, delta)
            return vote_canaries.side_by_side(calibrated, 2 * pairs, rng), OF_COUNTS
    if isinstance(defense, ADePT | WordNoise):
        latents = defense.mechanism(1).calibrated(defense.epsilon, delta)
        found = latent_canaries.side_by_side(latents, defense.entries, 2 * pairs, rng)
        return found, OF_LATENTS
    raise OverheardError(f"no canaries watch the mechanism of {type(defense).__name__}")


def _plain(defense: DPSGD | EDPSGD | SelfTrainedEDPSGD) -> DPSGD | EDPSGD:
    """Return the scheme with what its mechanism depends on alone: it trains a rig."""
    kind = DPSGD if isinstance(defense, DPSGD) else EDPSGD
    wanted = {"epsilon", "epochs", "batch_size", "learning_rate", "clip"}
    kept = {f.name for f in fields(kind)} & wanted
    return kind(**{name: getattr(defense, name) for name in kept})
