"""What canaries prove of a scheme's mechanism at the very settings of a row of the leaderboard.

The mechanism is the scheme's own, at the row's noise, sampling rate, steps or votes. Thousands of
canaries go through it side by side, so that it takes seconds; what they prove follows from the
mechanism's own curve (`own_curve`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias, cast, get_args

from dp_accounting import DpEvent

from attacks.statistics.gdp import mu_from_epsilon
from defenses.accounting.event_text import event_from_text, event_to_text
from defenses.base import Defense
from defenses.dpsgd.adamix import AdaMix
from defenses.dpsgd.ftrl import DPFTRL
from defenses.federated.scheme import DPFedAvg
from defenses.pate.mechanism import NoisyVotes
from defenses.registry import Canaries
from leaderboard.audits import gradient_canaries, latent_canaries, vote_canaries
from leaderboard.audits.gradient_canaries import PUBLIC, Evidence, Setting, subsampled_gaussian
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
    canaries: Canaries | None,
    defense: Defense,
    event_text: str,
    delta: float,
    epsilon: float,
    rng: Randomness,
    notes: Mapping[str, object] | None = None,
) -> MechanismFound:
    """Return what canaries prove of a defense's mechanism, which gave a row's event at δ.

    `canaries` are of the kind that the registry names for the scheme. `epsilon` is what the row
    promises: the less it is, the more canaries it takes. `notes` are those of its training: they
    say how many queries were voted on, how many steps an epoch of a fixed order has, and at which
    rate the batches of `batch_size` were drawn.

    Raises:
        OverheardError: nothing here watches the mechanism, it lacks what such canaries need, or it
            gives another event now.
    """
    began = time.monotonic()
    event = event_from_text(event_text)
    row = Row(event, delta, notes or {})
    watch = _watch_of(canaries, defense)
    evidence, assumes = watch(defense, row, pairs_for(epsilon, delta), rng)
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


@dataclass(frozen=True)
class Row:
    """What is known of a row: its event, its δ, and the notes of its training."""

    event: DpEvent
    delta: float
    notes: Mapping[str, object]

    def note(self, name: str, otherwise: float) -> float:
        """Return a number above 0 that training noted.

        Raises:
            OverheardError: it noted something else.
        """
        found = self.notes.get(name, otherwise)
        try:
            number = float(str(found))
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise OverheardError(f"its note {name!r} is {found!r}; note a number above 0")
        return number


Watch: TypeAlias = Callable[[Any, Row, int, Randomness], tuple[Evidence, str]]


def _watch_of(canaries: str | None, defense: Defense) -> Watch:
    """Return what watches a defense by the canaries that its entry of the registry names.

    Raises:
        OverheardError: none do, there is no such kind, or the defense lacks what that kind needs.
            An installed package may say anything.
    """
    name = type(defense).__name__
    if canaries is None:
        raise OverheardError(f"no canaries watch the mechanism of {name}")
    entry = f"registry entry of {name}: canaries = {canaries!r}"
    if canaries not in get_args(Canaries):
        raise OverheardError(
            f"{entry}: use one of {', '.join(get_args(Canaries))}, or leave it out"
        )
    kind = cast(Canaries, canaries)
    base, numbers = NEEDS[kind]
    if not isinstance(defense, base):
        raise OverheardError(f"{entry} is for a subclass of {base.__name__}; leave it out")
    if not is_dataclass(defense):
        raise OverheardError(f"{entry} is for a dataclass; make it one, or leave it out")
    for number in numbers:
        if not isinstance(getattr(defense, number, None), (int, float)):
            raise OverheardError(
                f"{entry} needs a number in the field {number!r}; add it, or leave 'canaries' out"
            )
    if kind in ("votes", "latents") and not callable(getattr(defense, "mechanism", None)):
        raise OverheardError(f"{entry} needs a method 'mechanism'; add it, or leave 'canaries' out")
    return WATCH[kind]


def _gradients(defense: Any, row: Row, pairs: int, rng: Randomness) -> tuple[Evidence, str]:
    # The event has the rate of whoever is drawn most often, which may be another.
    _, highest = subsampled_gaussian(row.event)
    expected = round(defense.batch_size / row.note("sampling_rate", highest))
    public = PUBLIC if isinstance(defense, AdaMix) else 0
    # A projection comes after the noise, and would take from the auditor what it watches.
    setting = Setting(
        _with(defense, weights="all", components=0), expected, row.delta, public=public
    )
    return _side_by_side(setting, pairs, rng), OF_UPDATES


def _order(defense: Any, row: Row, pairs: int, rng: Randomness) -> tuple[Evidence, str]:
    expected = round(row.note("steps_an_epoch", 1)) * defense.batch_size
    setting = Setting(_with(defense, weights="all"), expected, row.delta)
    return _side_by_side(setting, pairs, rng), OF_UPDATES


def _devices(defense: Any, row: Row, pairs: int, rng: Randomness) -> tuple[Evidence, str]:
    most = 1 if defense.selection == "uniform" else math.ceil(defense.heaviest)
    setting = Setting(
        # Local steps so long that every update is cut; on the average device one utterance in each
        # period.
        _with(defense, weights="all", local_rate=defense.clip),
        defense.clients * defense.periods,
        row.delta,
        repetitions=most * defense.periods,
    )
    return _side_by_side(setting, pairs, rng), OF_DEVICES


def _votes(defense: Any, row: Row, pairs: int, rng: Randomness) -> tuple[Evidence, str]:
    mechanism = defense.mechanism(round(row.note("votes", 0)))
    if not isinstance(mechanism, NoisyVotes):
        raise OverheardError(f"no canaries watch {type(mechanism).__name__}")
    calibrated = mechanism.calibrated(defense.epsilon, row.delta)
    return vote_canaries.side_by_side(calibrated, 2 * pairs, rng), OF_COUNTS


def _latents(defense: Any, row: Row, pairs: int, rng: Randomness) -> tuple[Evidence, str]:
    latents = defense.mechanism(1).calibrated(defense.epsilon, row.delta)
    return latent_canaries.side_by_side(latents, defense.entries, 2 * pairs, rng), OF_LATENTS


# Of what class a defense has to be, and which of its fields are read as numbers.
NEEDS: Mapping[Canaries, tuple[type, tuple[str, ...]]] = {
    "gradients": (object, ("batch_size",)),
    "order": (DPFTRL, ("batch_size",)),
    "devices": (DPFedAvg, ("clients", "periods", "clip", "heaviest")),
    "votes": (object, ("epsilon",)),
    "latents": (object, ("epsilon", "entries")),
}
WATCH: Mapping[Canaries, Watch] = {
    "gradients": _gradients,
    "order": _order,
    "devices": _devices,
    "votes": _votes,
    "latents": _latents,
}


def _side_by_side(setting: Setting, pairs: int, rng: Randomness) -> Evidence:
    runs = math.ceil(2 * pairs / CANARIES)
    return gradient_canaries.side_by_side(setting, CANARIES, runs, rng)


def _with(defense: Any, **changes: object) -> Any:
    """Return a defense with those of the changes that are settings of it: it trains a rig."""
    known = {field.name for field in fields(defense)}
    return replace(defense, **{name: new for name, new in changes.items() if name in known})
