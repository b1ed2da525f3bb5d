"""Repeated canaries: how much more is proven of an utterance that is in the data k times.

A guarantee of ε for one utterance is a weaker one for a group of k, and no audit of a canary that
is trained on k times may prove more than that. How near it comes shows what repetition costs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dp_accounting import DpEvent, GaussianDpEvent, SelfComposedDpEvent
from dp_accounting.dp_event import MixtureOfGaussiansDpEvent
from dp_accounting.pld import PLDAccountant
from scipy.stats import binom

from attacks.audit import Verdict, audited_epsilon, verdict
from defenses.accounting import PLD_GRID, price
from leaderboard import gradient_canaries
from leaderboard.gradient_canaries import Setting, subsampled_gaussian
from leaderboard.training_audit import BATCH, GRADIENT_SCHEMES, runs_for
from targets.errors import OverheardError
from targets.estimate import Estimate
from targets.randomness import Randomness


@dataclass(frozen=True)
class RepeatedAudit:
    """One audit of a canary with so many entries: the ε of one, the ε of all, what was proven."""

    scheme: str
    repetitions: int
    scores: int
    epsilon: float
    group_epsilon: float
    audited: Estimate
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """What the audit says about the guarantee of the group."""
        return verdict(self.audited, self.group_epsilon)


def group_epsilon(event: DpEvent, delta: float, size: int) -> float:
    """Return ε at δ of DP-SGD for a group of entries, each drawn by its own coin.

    A step adds the sum of the entries that were drawn, Bin(size, rate) clipping norms at most: a
    mixture of Gaussians, which is priced exactly (Ganesh 2024, "Tight Group-Level DP Guarantees for
    DP-SGD with Sampling via Mixture of Gaussians Mechanisms").
    """
    noise, rate = subsampled_gaussian(event)
    steps = event.count
    if rate == 1.0:
        return price(SelfComposedDpEvent(GaussianDpEvent(noise / size), steps), delta).epsilon
    return float(group_losses(noise, rate, steps, size).get_epsilon(delta))


def group_losses(noise: float, rate: float, steps: int, size: int) -> PLDAccountant:
    """Return the accountant of a group's steps of DP-SGD with drawn batches."""
    numbers = range(size + 1)
    mixture = MixtureOfGaussiansDpEvent(
        noise, [float(n) for n in numbers], [float(binom.pmf(n, size, rate)) for n in numbers]
    )
    accountant = PLDAccountant(value_discretization_interval=PLD_GRID)
    accountant.compose(SelfComposedDpEvent(mixture, steps))
    return accountant


def repeated_audits(
    scheme: str,
    epsilon: float,
    repetitions: Sequence[int],
    rng: Randomness,
    *,
    delta: float,
    level: float = 0.95,
    rate: float = 1.0,
    steps: int = 2,
    runs: int | None = None,
) -> Iterator[RepeatedAudit]:
    """Yield one audit a number of repetitions, each from training runs of its own.

    Without `runs`, as many as bring a sound mechanism's bound above 0.8 of the group's ε.

    Raises:
        OverheardError: the rate is not a share of the members.
    """
    if not 0 < rate <= 1:
        raise OverheardError(f"sampling rate {rate:g}: give a number above 0 and at most 1")
    expected = round(BATCH / rate)
    defense = GRADIENT_SCHEMES[scheme](epsilon, epochs=steps * BATCH / expected, batch_size=BATCH)
    for count in repetitions:
        began = time.monotonic()
        setting = Setting(defense, expected, delta, repetitions=count)
        stream = rng.child(scheme, f"{epsilon:g}", count)
        most = runs or runs_for(epsilon * count, delta)
        evidence = gradient_canaries.many_runs(setting, most, stream)
        audited = audited_epsilon(evidence.trials, delta=delta, level=level, noise="gaussian")
        yield RepeatedAudit(
            scheme,
            count,
            2 * most,
            price(evidence.event, delta).epsilon,
            group_epsilon(evidence.event, delta, count),
            audited,
            time.monotonic() - began,
        )
