"""Which devices take part in a round: all alike, or the more often the more was said to them.

A device is drawn by a coin of its own. Where devices are selected by their activity (Dupuy et al.
2022, arXiv 2202.03925), its probability follows from its own number of utterances, so that a heavy
device is in more rounds, and gives away more, than the average one. The guarantee has to hold for
the heaviest: what is reported is its price. `heaviest` bounds it beforehand, since how active
devices are is private.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from defenses.accounting.price import dp_sgd_event, price
from defenses.federated.clients import Client
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

KINDS = ("uniform", "activity")


@dataclass(frozen=True)
class Selection:
    """How likely a device is in a round, from its own number of utterances and public numbers.

    `average` is the probability of a device that has `utterances`, as many as devices are expected
    to have. By activity it is in proportion to the utterances, up to `heaviest` times the average.

    Raises:
        OverheardError: there is no such kind, or a number is out of range.
    """

    kind: str
    average: float
    utterances: float
    heaviest: float

    def __post_init__(self) -> None:
        """Refuse what selects nobody."""
        if self.kind not in KINDS:
            raise OverheardError(f"selection is {self.kind!r}; use one of {', '.join(KINDS)}")
        if not 1 <= self.heaviest < math.inf:
            raise OverheardError(f"heaviest is {self.heaviest:g}; give at least 1")

    def rate(self, count: int) -> float:
        """Return the probability of a device with so many utterances."""
        return self.rate_at(count / self.utterances)

    def rate_at(self, activity: float) -> float:
        """Return the probability of a device with so many times the average utterances."""
        if self.kind == "uniform":
            return self.average
        return min(1.0, self.average * min(activity, self.heaviest))

    @property
    def worst(self) -> float:
        """The largest probability that a device can have: what has to be priced."""
        return self.rate_at(self.heaviest)


def drawn(clients: Sequence[Client], selection: Selection, rng: Randomness) -> list[Client]:
    """Return those of the clients that are in a round, each by a coin of its own name."""
    return [
        client
        for client in clients
        if rng.child(client.name).numpy().random() < selection.rate(len(client.examples))
    ]


@dataclass(frozen=True)
class DevicePrice:
    """What training costs a device with `activity` times the average utterances."""

    activity: float
    rate: float
    epsilon: float


def device_prices(
    selection: Selection, activities: Sequence[float], noise: float, rounds: int, delta: float
) -> list[DevicePrice]:
    """Return what `rounds` rounds under noise cost devices, each at its own sampling rate.

    Raises:
        OverheardError: see `price`.
    """
    found = []
    for activity in activities:
        rate = selection.rate_at(activity)
        epsilon = price(dp_sgd_event(noise, rate, rounds), delta).epsilon
        found.append(DevicePrice(activity, rate, epsilon))
    return found
