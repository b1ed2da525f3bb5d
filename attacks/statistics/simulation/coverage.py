"""How often a lower bound on ε exceeds the truth, and how much of the truth it finds.

Coverage is the test that matters: a bound at 95 % may exceed the true ε in one audit of twenty.
Power stands beside it, because the bound 0 has perfect coverage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from scipy.stats import binom

from attacks.statistics.audit import audited_epsilon
from attacks.statistics.clopper_pearson import clopper_pearson_bound
from attacks.statistics.evidence import Design, Trials
from attacks.statistics.f_dp import f_dp_bound
from attacks.statistics.gdp import gdp_bound
from attacks.statistics.one_run import one_run_bound
from attacks.statistics.simulation.games import Game, play
from targets.core.estimate import Estimate


class Bound(Protocol):
    """A lower bound on ε under test; the generator is for those that split the sample."""

    def __call__(
        self, trials: Trials, delta: float, level: float, rng: np.random.Generator
    ) -> Estimate:
        """Return the bound."""
        ...


@dataclass(frozen=True)
class Contender:
    """A bound under the name it has in the table, and where it may stand."""

    name: str
    design: Design
    bound: Bound
    needs_gaussian: bool = False


@dataclass(frozen=True)
class Coverage:
    """What happened to one bound in one cell: false claims among `runs`, and the median bound."""

    bound: str
    game: str
    design: Design
    n: int
    epsilon: float
    level: float
    runs: int
    false_claims: int
    median: float

    @property
    def allowed(self) -> int:
        """False claims that chance exceeds once in a thousand cells, at a rate of 1 - level."""
        return int(binom.ppf(0.999, self.runs, 1.0 - self.level))

    @property
    def holds(self) -> bool:
        """Whether the false claims are within their binomial error."""
        return self.false_claims <= self.allowed

    @property
    def power(self) -> float:
        """Median bound over truth."""
        return self.median / self.epsilon


def _two_attacks(trials: Trials, delta: float, level: float, rng: np.random.Generator) -> Estimate:
    """Audit with the scores and with a worse attack on the same coins."""
    blurred = Trials(
        trials.in_scores + rng.standard_normal(trials.n_in),
        trials.out_scores + rng.standard_normal(trials.n_out),
        trials.unit,
        trials.design,
    )
    return audited_epsilon({"sharp": trials, "blurred": blurred}, delta=delta, level=level)


def _plain(
    trials: Trials,
    delta: float,
    level: float,
    rng: np.random.Generator,  # noqa: ARG001 - the protocol's, for those that split
    *,
    which: str,
) -> Estimate:
    if which == "one-run":
        return one_run_bound(trials, delta=delta, level=level)
    if which == "f-dp":
        return f_dp_bound(trials, delta=delta, level=level, noise="gaussian")
    if which == "gdp":
        return gdp_bound(trials, delta=delta, level=level, noise="gaussian")
    return clopper_pearson_bound(trials, delta=delta, level=level)


def _split_one_run(
    trials: Trials, delta: float, level: float, rng: np.random.Generator
) -> Estimate:
    return one_run_bound(trials, delta=delta, level=level, correction="split", rng=rng)


def _split_clopper_pearson(
    trials: Trials, delta: float, level: float, rng: np.random.Generator
) -> Estimate:
    return clopper_pearson_bound(trials, delta=delta, level=level, correction="split", rng=rng)


CONTENDERS: tuple[Contender, ...] = (
    Contender("one-run", "one_run", partial(_plain, which="one-run")),
    Contender("one-run, split", "one_run", _split_one_run),
    Contender("one-run, best of 2 attacks", "one_run", _two_attacks),
    Contender("one-run f-DP", "one_run", partial(_plain, which="f-dp"), needs_gaussian=True),
    Contender("Clopper-Pearson", "many_runs", partial(_plain, which="clopper-pearson")),
    Contender("Clopper-Pearson, split", "many_runs", _split_clopper_pearson),
    Contender("Clopper-Pearson, best of 2 attacks", "many_runs", _two_attacks),
    Contender("Gaussian DP", "many_runs", partial(_plain, which="gdp"), needs_gaussian=True),
)


def measure_coverage(
    game: Game,
    design: Design,
    n: int,
    epsilon: float,
    *,
    runs: int,
    rng: np.random.Generator,
    delta: float = 1e-5,
    level: float = 0.95,
    contenders: tuple[Contender, ...] = CONTENDERS,
) -> Iterator[Coverage]:
    """Yield the coverage of every contender that may stand in this cell, over the same audits."""
    standing = [
        contender
        for contender in contenders
        if contender.design == design
        and not (contender.needs_gaussian and game.noise != "gaussian")
    ]
    bounds = np.empty((runs, len(standing)))
    for run in range(runs):
        trials = play(game, design, n, epsilon, delta, rng)
        # A refused audit claims nothing: fair coins do fall oddly once in a thousand times.
        bounds[run] = [
            np.nan_to_num(contender.bound(trials, delta, level, rng).low) for contender in standing
        ]
    # The games are calibrated by root finding; its tolerance is no false claim.
    false_claims = np.sum(bounds > epsilon * (1 + 1e-6), axis=0)
    medians = np.median(bounds, axis=0)
    for index, contender in enumerate(standing):
        yield Coverage(
            contender.name,
            game.name,
            design,
            n,
            epsilon,
            level,
            runs,
            int(false_claims[index]),
            float(medians[index]),
        )
