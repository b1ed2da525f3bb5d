"""The evidence an attack leaves behind: scores, coins, and how the coins were flipped.

Everything that turns scores into evidence takes arrays and returns `Estimate`s; no model enters.
A higher score always means "was a member".

Two kinds of failure are kept apart. Malformed input (a NaN score, δ = 2) raises `ValueError`.
Evidence that is well formed but proves nothing about the guarantee (wrong design, wrong unit,
wrong noise) is *refused*: the answer is `Estimate.unscored(reason)`, shown as a dash, because a
refusal is a result that belongs in a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from targets.speech.utterance import Unit

Design = Literal["one_run", "many_runs", "observational"]
Noise = Literal["any", "gaussian"]
"""What is known of the mechanism: nothing, or that its trade-off curve lies above a Gaussian one.

"gaussian" promises that a mechanism which is (ε, δ)-DP is no easier to attack, at any false
positive rate, than the Gaussian mechanism that is exactly (ε, δ)-DP. It holds for the Gaussian
mechanism and its compositions. For the subsampled Gaussian (DP-SGD) it holds up to a slack below δ:
its privacy profile δ(ε') exceeds the Gaussian one only beyond ε, where both are below δ (a test
checks this). It does not hold for Laplace noise (PATE's LNMax) or for randomised response.
"""

# Refusing once in a thousand audits costs nothing but that audit; it accuses nobody.
_UNFAIR = 1e-3

Scores = npt.NDArray[np.float64]
Labels = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Trials:
    """Scores of candidates that were trained on (`in`) and of candidates that were not (`out`).

    `in_scores` has shape (n_in,), `out_scores` (n_out,); higher means "was a member". `in_groups`
    and `out_groups` name each candidate's cluster (its speaker): both or neither; the same label
    on both sides is the same cluster.

    The design says what the coins were:

    - `one_run`: every candidate had its own fair coin, independent of all others, in one training
      run. An exact half split is not that design: its coins depend on each other.
    - `many_runs`: every score comes from a training run of its own, independent of all others.
    - `observational`: nobody flipped coins. Such trials rank, but prove nothing about ε.
    """

    in_scores: Scores
    out_scores: Scores
    unit: Unit
    design: Design
    in_groups: Labels | None = None
    out_groups: Labels | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be evidence.

        Raises:
            ValueError: for empty, non-finite or misshapen scores, unknown unit or design, or
                groups that do not fit the scores.
        """
        if self.unit not in get_args(Unit):
            raise ValueError(f"unit is {self.unit!r}; use one of {get_args(Unit)}")
        if self.design not in get_args(Design):
            raise ValueError(f"design is {self.design!r}; use one of {get_args(Design)}")
        for side in ("in", "out"):
            # Frozen means frozen: a private, read-only copy, so that nobody edits the evidence.
            scores = _checked_scores(getattr(self, f"{side}_scores"), f"{side}_scores")
            object.__setattr__(self, f"{side}_scores", scores)
        if (self.in_groups is None) != (self.out_groups is None):
            raise ValueError("give both in_groups and out_groups, or neither")
        for side in ("in", "out"):
            groups = getattr(self, f"{side}_groups")
            if groups is None:
                continue
            groups = np.array(groups)
            scores = getattr(self, f"{side}_scores")
            if groups.shape != scores.shape:
                raise ValueError(
                    f"{side}_groups has shape {groups.shape}, {side}_scores {scores.shape}"
                )
            groups.flags.writeable = False
            object.__setattr__(self, f"{side}_groups", groups)

    @property
    def n_in(self) -> int:
        """Number of members."""
        return len(self.in_scores)

    @property
    def n_out(self) -> int:
        """Number of held-out candidates."""
        return len(self.out_scores)

    @property
    def size(self) -> int:
        """Number of candidates, m."""
        return self.n_in + self.n_out


def _checked_scores(raw: Sequence[float] | Scores, name: str) -> Scores:
    """Return a read-only float copy of one side's scores, or say what is wrong with them."""
    try:
        scores = np.array(raw, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers: {error}") from None
    if scores.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not shape {scores.shape}")
    if not scores.size:
        raise ValueError(f"{name} is empty: an audit needs at least one candidate on each side")
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        raise ValueError(
            f"{name}[{bad[0]}] is {scores[bad[0]]}: {bad.size} of {scores.size} are not finite"
        )
    scores.flags.writeable = False
    return scores


def refusal(
    trials: Trials,
    *,
    designs: tuple[Design, ...],
    guarantee_unit: Unit,
    needs_noise: Noise = "any",
    noise: Noise = "any",
) -> str | None:
    """Return why these trials cannot bound this guarantee's ε, or None where they can."""
    if trials.design == "observational":
        return "observational trials: without coins a difference is no evidence about ε"
    if trials.unit != guarantee_unit:
        return f"the trials are per {trials.unit}, the guarantee is per {guarantee_unit}"
    if trials.design not in designs:
        return f"this bound is not valid for the design {trials.design}"
    if trials.design == "one_run" and not _fair_coins(trials):
        return (
            f"{trials.n_in} members of {trials.size} candidates do not look like fair coins, "
            "which the one-run bounds need"
        )
    if needs_noise == "gaussian" and noise != "gaussian":
        return "needs a mechanism dominated by a Gaussian trade-off curve (noise='gaussian')"
    return None


def _fair_coins(trials: Trials) -> bool:
    """Return whether fair coins would fall this unevenly at least once in a thousand audits.

    With 99 members in 100, calling everybody a member is right 99 times in 100 and proves nothing:
    without this check the one-run bounds would take it for a leak.
    """
    fewer = min(trials.n_in, trials.n_out)
    return 2.0 * float(bdtr(fewer, trials.size, 0.5)) >= _UNFAIR


def check_level(level: float) -> None:
    """Raise ValueError unless `level` is a confidence level strictly between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; a confidence level lies strictly between 0 and 1")


def check_delta(delta: float) -> None:
    """Raise ValueError unless `delta` is in [0, 1)."""
    if not 0.0 <= delta < 1.0:
        raise ValueError(f"delta is {delta}; it must lie in [0, 1)")
