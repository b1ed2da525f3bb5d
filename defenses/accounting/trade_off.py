"""The largest AUC that a mechanism allows: the area that its own trade-off curve leaves.

A trade-off curve f (Dong, Roth and Su 2022, "Gaussian differential privacy") says how large the
share 1 - TPR of missed members has to be at each false positive rate. The ROC curve of every attack
on one unit lies below 1 - f. So does that of an attack that ranks many units, since f is convex:
its rates are means of theirs. Pure ε, or one pair (ε, δ), would leave a larger area.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from dp_accounting import DpEvent, GaussianDpEvent, NonPrivateDpEvent, UnsupportedEventError
from dp_accounting.pld import PLDAccountant
from numpy.typing import NDArray
from scipy.special import ndtr

from defenses.accounting.event_algebra import coarsened, merged, noise_of, parts_of
from defenses.accounting.event_text import event_from_text
from defenses.accounting.price import LARGEST_PLD_EPSILON, losses_of
from defenses.accounting.renyi import renyi_curve
from targets.core.errors import OverheardError

# Lines that bound the curve from below; of fewer the area would be larger, never too small.
LINES = 400
DELTAS = np.geomspace(1e-9, 0.9, 60)  # where Rényi accounting alone tells
LEAST_DELTA = 1e-5  # of the steepest line: below it there is no area left to gain
STEPS = 20_000  # of the false positive rate: its sum from below is off by less than one of them

Values = NDArray[np.float64]


def largest_auc(event: DpEvent) -> float:
    """Return the largest AUC with which an attack can tell whether one unit was trained on.

    Exact for Gaussian queries without sampling: Φ(μ/√2), their μ being 1/σ. Otherwise from the
    privacy profile δ(ε) of PLD accounting, or of Rényi accounting where that takes too long.

    Raises:
        OverheardError: as `price`, for an event that has no price.
    """
    parts = coarsened(merged(parts_of(event)))
    if any(isinstance(part, NonPrivateDpEvent) for part, _ in parts):
        return 1.0
    noises = [noise_of(part) for part, _ in parts if isinstance(part, GaussianDpEvent)]
    if len(noises) == len(parts) == 1:
        return float(ndtr(1 / (noises[0] * math.sqrt(2)))) if noises[0] else 1.0
    try:
        curve = renyi_curve(parts)
    except UnsupportedEventError as error:
        raise OverheardError(f"no accountant for {event!r}: {error}") from None
    losses = losses_of(parts) if curve(LEAST_DELTA) < LARGEST_PLD_EPSILON else None
    if losses is None:
        epsilons = np.array([curve(float(delta)) for delta in DELTAS])
        return area_allowed(epsilons, DELTAS)
    epsilons = np.linspace(0.0, losses.get_epsilon(LEAST_DELTA), LINES)
    return area_allowed(epsilons, *_profiles(losses, epsilons))


def _profiles(losses: PLDAccountant, epsilons: Values) -> tuple[Values, Values]:
    """Return δ (N,) of removing and of adding a unit, each alone; or twice the larger of both.

    Sampling makes the two differ, and dp-accounting has no public name for either.
    """
    both = getattr(losses, "_pld", None)
    remove, add = (getattr(both, name, None) for name in ("_pmf_remove", "_pmf_add"))
    if remove is None or add is None:
        larger = np.array([losses.get_delta(float(epsilon)) for epsilon in epsilons])
        return larger, larger
    removed, added = (np.array(side.get_delta_for_epsilon(epsilons)) for side in (remove, add))
    return removed, added


@lru_cache(maxsize=1_000)
def largest_auc_of_text(event: str) -> float:
    """Return `largest_auc` of an event as records keep it, computed once.

    Raises:
        EventError: the text is no event.
        OverheardError: as `largest_auc`.
    """
    return largest_auc(event_from_text(event))


def area_allowed(epsilons: Values, removed: Values, added: Values | None = None) -> float:
    """Return the largest AUC under guarantees (ε, δ), each (N,), that hold together.

    With ε and δ of `removed`, TPR <= δ + e^ε FPR; with those of `added`, the same if they differ,
    1 - FPR <= δ + e^ε (1 - TPR). Each is a line that the curve stays above.
    """
    x = np.arange(1, STEPS + 1) / STEPS
    curve = np.zeros(STEPS)
    for epsilon, out, into in zip(
        epsilons, removed, removed if added is None else added, strict=True
    ):
        if not math.isfinite(epsilon):
            continue
        # The first line is below zero where e^ε would overflow.
        steep = 1 - out - math.exp(min(epsilon, 700.0)) * x
        flat = math.exp(-epsilon) * (1 - into - x)
        curve = np.maximum(curve, np.maximum(steep, flat))
    # The curve falls, so that its right ends make a sum from below.
    return min(1.0, max(0.5, 1.0 - float(curve.mean())))
