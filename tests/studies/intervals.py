"""A figure with its interval, as the tables of studies show it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attacks.statistics.evidence import Trials
from attacks.statistics.ranking import auc
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness


def shown(estimate: Estimate) -> str:
    """Return a figure with its interval, or the dash of what cannot be measured."""
    if not estimate.scored:
        return "-"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def percent(rate: Estimate) -> str:
    """Return a rate in percent, with its interval."""
    return f"{100 * rate.value:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def told(
    scores: NDArray[np.float64],
    coins: NDArray[np.bool_],
    speakers: NDArray[np.int64],
    rng: Randomness,
) -> str:
    """Return the AUC by which scores (N,) tell members from others, resampled by speakers (N,)."""
    trials = Trials(
        scores[coins], scores[~coins], "utterance", "one_run", speakers[coins], speakers[~coins]
    )
    return shown(auc(trials, rng=rng.numpy()))
