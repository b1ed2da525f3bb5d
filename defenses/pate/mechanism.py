"""The mechanisms of PATE: votes that are answered with noise on every count.

Noise, number of votes, event and privacy unit come from one object, so that no more is asked than
is paid for, and with no less noise. One unit of the private speech belongs to one teacher, and
moves one vote of every query: one count up and one down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from dp_accounting import DpEvent
from numpy.typing import NDArray

from defenses.accounting.price import (
    calibrated,
    confident_test_noise,
    confident_votes_event,
    gaussian_votes_event,
    laplace_votes_event,
)
from defenses.base import Mechanism
from defenses.pate.votes import confident, noisy_counts
from targets.speech.utterance import Unit

Counts = NDArray[np.int64]
Answers = list[NDArray[np.float64] | None]  # noisy counts (K,) a query; None: not answered


class VoteMechanism(Mechanism, Protocol):
    """A mechanism that answers votes of teachers."""

    @property
    def scale(self) -> float:
        """Scale of the noise on every count, 1 until it is calibrated."""
        ...

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise on every count."""
        ...

    def calibrated(self, epsilon: float, delta: float) -> VoteMechanism:
        """Return the mechanism with the least noise at which it costs no more than ε at δ.

        Raises:
            OverheardError: ε is out of reach.
        """
        ...

    def answers(self, votes: Sequence[Counts], generator: np.random.Generator) -> Answers:
        """Return the noisy counts of every query, whose votes (K,) are given."""
        ...


@dataclass(frozen=True)
class NoisyVotes:
    """LNMax (Laplace noise) and GNMax (Gaussian noise): each of `queries` votes is answered."""

    noise: Literal["laplace", "gaussian"]
    queries: int
    unit: Unit
    scale: float = 1.0

    @property
    def event(self) -> DpEvent:
        """See `Mechanism`."""
        return self._event_of(self.scale, self.queries)

    @property
    def deviation(self) -> float:
        """See `VoteMechanism`."""
        return self.scale * math.sqrt(2) if self.noise == "laplace" else self.scale

    def calibrated(self, epsilon: float, delta: float) -> NoisyVotes:
        """See `VoteMechanism`."""
        scale = calibrated(self._event_of, epsilon, delta, self.queries)
        return replace(self, scale=scale)

    def answers(self, votes: Sequence[Counts], generator: np.random.Generator) -> Answers:
        """See `VoteMechanism`."""
        _check_number(votes, self.queries)
        draw = generator.laplace if self.noise == "laplace" else generator.normal
        return [
            noisy_counts(counts, lambda shape: draw(0.0, self.scale, shape)) for counts in votes
        ]

    @property
    def _event_of(self) -> Callable[..., DpEvent]:
        return laplace_votes_event if self.noise == "laplace" else gaussian_votes_event


@dataclass(frozen=True)
class ConfidentVotes:
    """Confident-GNMax: a query is answered where a noisy test finds that enough teachers agree.

    Each of `queries` is tested until `most_answers` are given: where the most votes for one
    hypothesis, with noise of its own, reach `threshold`, the counts get Gaussian noise as in GNMax.
    The tests take `test_share` of the budget.
    """

    queries: int
    most_answers: int
    threshold: float
    test_share: float
    unit: Unit
    scale: float = 1.0

    @property
    def event(self) -> DpEvent:
        """See `Mechanism`: the price of the cap, however many are answered."""
        return confident_votes_event(self.scale, *self._settings)

    @property
    def deviation(self) -> float:
        """See `VoteMechanism`."""
        return self.scale

    def calibrated(self, epsilon: float, delta: float) -> ConfidentVotes:
        """See `VoteMechanism`."""
        scale = calibrated(confident_votes_event, epsilon, delta, *self._settings)
        return replace(self, scale=scale)

    def answers(self, votes: Sequence[Counts], generator: np.random.Generator) -> Answers:
        """See `VoteMechanism`."""
        _check_number(votes, self.queries)
        test_noise = confident_test_noise(self.scale, *self._settings)
        answered: Answers = []
        given = 0
        for counts in votes:
            sure = given < self.most_answers and confident(
                counts, self.threshold, lambda shape: generator.normal(0.0, test_noise, shape)
            )
            if not sure:
                answered.append(None)
                continue
            given += 1
            answered.append(
                noisy_counts(counts, lambda shape: generator.normal(0.0, self.scale, shape))
            )
        return answered

    @property
    def _settings(self) -> tuple[int, int, float]:
        return self.queries, self.most_answers, self.test_share


def _check_number(votes: Sequence[Counts], queries: int) -> None:
    if len(votes) != queries:
        raise ValueError(f"{len(votes)} votes are asked for, {queries} are paid for")
