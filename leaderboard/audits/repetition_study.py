"""Repeated canaries: how much more is proven of an utterance that is in the data k times.

A guarantee of ε for one utterance is a weaker one for a group of k, and no audit of a canary that
is trained on k times may prove more than that. How near it comes shows what repetition costs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attacks.statistics.audit import audited_epsilon
from attacks.statistics.verdict import Verdict, verdict
from defenses.accounting.event_algebra import noise_kind
from defenses.accounting.groups import group_guarantee
from defenses.accounting.price import price
from leaderboard.audits import gradient_canaries
from leaderboard.audits.gradient_canaries import Setting
from leaderboard.audits.training_audit import BATCH, GRADIENT_SCHEMES, runs_for
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness


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
        noise = noise_kind(evidence.event)
        audited = audited_epsilon(evidence.trials, delta=delta, level=level, noise=noise)
        yield RepeatedAudit(
            scheme,
            count,
            2 * most,
            price(evidence.event, delta).epsilon,
            group_guarantee(evidence.event, delta, count).epsilon,
            audited,
            time.monotonic() - began,
        )
