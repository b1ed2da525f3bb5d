"""Audits of training itself: what a scheme claims, and what canaries prove against it.

Two designs, for two questions. `many_runs` gives every score a training run of its own, so that
its limits need no assumption about what happens inside a run; with Gaussian noise it is tight.
`one_run` trains once with many canaries, each by its own fair coin; valid whatever they do to each
other, and so cheap that it suits long training, but it stops well below the claim.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

from dp_accounting import DpEvent

from attacks.statistics.audit import audited_epsilon
from attacks.statistics.evidence import Design, Noise
from attacks.statistics.gdp import mu_from_epsilon
from attacks.statistics.verdict import Verdict, verdict
from defenses.accounting.event_algebra import noise_kind
from defenses.accounting.guarantee import Guarantee
from defenses.accounting.price import price
from defenses.dpsgd.adamix import AdaMix
from defenses.dpsgd.scheme import DPSGD, EDPSGD
from defenses.federated.scheme import DPFedAvg
from defenses.pate.scheme import PATE
from leaderboard.audits import gradient_canaries, vote_canaries
from leaderboard.audits.gradient_canaries import PUBLIC, Evidence, Setting
from leaderboard.audits.vote_canaries import VoteSetting
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness
from targets.speech.utterance import Unit

GRADIENT_SCHEMES = {"dpsgd": DPSGD, "edpsgd": EDPSGD}
VOTE_SCHEMES = ("pate-gnmax", "pate-lnmax")
SCHEMES = (*GRADIENT_SCHEMES, *VOTE_SCHEMES)  # that are audited unless others are named
DEVICES, BESIDE_PUBLIC = "dp-fedavg", "adamix"
DESCENDING = (*GRADIENT_SCHEMES, BESIDE_PUBLIC, DEVICES)
AUDITABLE = (*DESCENDING, *VOTE_SCHEMES)

BATCH = 4  # expected, of the rig's batches: any size gives the same audit
CANARIES = 5_000  # of the one-run design
# Both error rates are limits at level 0.05 / 8 thresholds / 2: together they cost the bound on μ
# about 7 / sqrt(runs). So many runs leave 0.87 of μ, and 0.8 of ε, with room for bad luck.
RUNS = 56.0
FEWEST_RUNS = 1_500
# Clopper-Pearson extrapolates nothing: its ceiling grows with the logarithm of the runs.
RUNS_WITHOUT_CURVE = 5_000


@dataclass(frozen=True)
class TrainingAudit:
    """One audit of one scheme: its claim, what was watched, and what that proves."""

    scheme: str
    watched: str
    design: Design
    scores: int
    claimed: Guarantee
    audited: Estimate
    seconds: float

    @property
    def ratio(self) -> float:
        """Audited over claimed ε: above 1 the claim is false."""
        return self.audited.low / self.claimed.epsilon

    @property
    def verdict(self) -> Verdict:
        """What the audit says about the claim."""
        return verdict(self.audited, self.claimed.epsilon)


def runs_for(epsilon: float, delta: float, noise: Noise = "gaussian") -> int:
    """Return how many training runs a side bring a sound mechanism's bound above 0.8 of ε."""
    if noise != "gaussian":
        return RUNS_WITHOUT_CURVE
    return max(FEWEST_RUNS, math.ceil((RUNS / mu_from_epsilon(epsilon, delta)) ** 2))


_prices: dict[tuple[str, float, Unit], Guarantee] = {}


def _price(event: DpEvent, delta: float, unit: Unit) -> Guarantee:
    """Return `price`, remembered: it takes a second, and hundreds of audits share an event."""
    key = repr(event), delta, unit  # composed events hold lists, which have no hash
    if key not in _prices:
        _prices[key] = price(event, delta, unit=unit)
    return _prices[key]


def conclude(
    scheme: str,
    watched: str,
    evidence: Evidence,
    *,
    delta: float,
    level: float = 0.95,
    seconds: float = 0.0,
) -> TrainingAudit:
    """Price the event and bound ε by all statistics together, which share the level.

    Which bounds are valid follows from the noise of the event.
    """
    some = next(iter(evidence.trials.values()))
    audited = audited_epsilon(
        evidence.trials,
        delta=delta,
        level=level,
        guarantee_unit=some.unit,
        noise=noise_kind(evidence.event),
    )
    claimed = _price(evidence.event, delta, some.unit)
    return TrainingAudit(scheme, watched, some.design, some.size, claimed, audited, seconds)


def audit_descent(
    scheme: str,
    epsilon: float,
    rng: Randomness,
    *,
    delta: float,
    level: float = 0.95,
    rate: float = 1.0,
    steps: int = 2,
    runs: int | None = None,
) -> Iterator[TrainingAudit]:
    """Yield the audits of a scheme that descends by noisy sums, one per design.

    Canaries are gradients, or the updates of whole devices where the scheme promises ε to those.
    `rate` and `steps` are then those of devices and of rounds.

    Raises:
        OverheardError: the rate is not a share of the members.
    """
    if not 0 < rate <= 1:
        raise OverheardError(f"sampling rate {rate:g}: give a number above 0 and at most 1")
    for design in ("many_runs", "one_run"):
        began = time.monotonic()
        batch = BATCH if design == "many_runs" else max(1, round(rate * CANARIES / 2))
        expected = max(batch, round(batch / rate))
        setting = _setting(scheme, epsilon, steps, batch, expected, delta)
        stream = rng.child(scheme, f"{epsilon:g}", design)
        if design == "many_runs":
            runs = runs or runs_for(epsilon, delta)
            evidence = gradient_canaries.many_runs(setting, runs, stream)
        else:
            evidence = gradient_canaries.one_run(setting, CANARIES, stream)
        yield conclude(
            scheme,
            "updates",
            evidence,
            delta=delta,
            level=level,
            seconds=time.monotonic() - began,
        )


def _setting(
    scheme: str, epsilon: float, steps: int, batch: int, expected: int, delta: float
) -> Setting:
    if scheme == DEVICES:
        # Local steps so long that every update is cut.
        devices = DPFedAvg(epsilon, rounds=steps, clients=expected, per_round=batch, local_rate=1.0)
        return Setting(devices, expected, delta)
    # From the rate that whole numbers allow, so that the number of steps is the one asked for.
    epochs = steps * batch / expected
    if scheme == BESIDE_PUBLIC:
        mixed = AdaMix(epsilon, epochs=epochs, batch_size=batch)
        return Setting(mixed, expected, delta, public=PUBLIC)
    return Setting(
        GRADIENT_SCHEMES[scheme](epsilon, epochs=epochs, batch_size=batch), expected, delta
    )


def audit_votes(
    scheme: str,
    epsilon: float,
    rng: Randomness,
    *,
    delta: float,
    level: float = 0.95,
    queries: int | None = None,
    runs: int | None = None,
) -> Iterator[TrainingAudit]:
    """Yield the audits of PATE, by the noisy counts and by the labels alone.

    Without `queries`, one for Laplace noise, where a single vote comes closest to its ε, and many
    for Gaussian noise, where only the labels tell more when they are many.
    """
    began = time.monotonic()
    laplace = scheme == "pate-lnmax"
    defense = PATE(
        epsilon,
        noise="laplace" if laplace else "gaussian",
        teachers=3,
        teacher_epochs=1,
        queries=queries or (1 if laplace else 32),
        hypotheses=2,
        keep=1.0,
        student_epochs=1,
    )
    # The second teacher answers the third, and the canary's teacher decides.
    setting = VoteSetting(defense, delta, company=1)
    noise = noise_kind(defense.mechanism(defense.queries).event)
    runs = runs or runs_for(epsilon, delta, noise)
    evidence = vote_canaries.many_runs(setting, runs, rng.child(scheme, f"{epsilon:g}"))
    seconds = time.monotonic() - began
    for watched, name in (("noisy counts", "counts"), ("labels", "labels")):
        # Two audits of the same runs for two kinds of access, each at its own level.
        part = Evidence(evidence.event, {name: evidence.trials[name]})
        yield conclude(scheme, watched, part, delta=delta, level=level, seconds=seconds)
