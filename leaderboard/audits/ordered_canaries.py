"""What the auditor of DP-FTRL computes from noisy updates: they are whitened, then matched.

The order is public, and so are the steps in which a canary would take part. C times the updates is
C times the gradients under white noise (`defenses.dpsgd.ftrl`). So the canary is a known signal in
white noise, and the filter matched to that signal is the likelihood ratio.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from dp_accounting import DpEvent, GaussianDpEvent
from numpy.typing import NDArray

from defenses.dpsgd.ftrl import CorrelatedGaussian
from targets.core.errors import OverheardError


def statistics(
    updates: NDArray[np.float64],
    event: DpEvent,
    mechanism: CorrelatedGaussian,
    names: Sequence[str],
    repetitions: int = 1,
) -> dict[str, NDArray[np.float64]]:
    """Return what the attacker computes of each canary's direction, (directions,) a statistic.

    `updates` (steps, directions) are noisy sums in clipping norms of one example, `names` the
    canaries'. `likelihood` is the likelihood ratio of the claimed mechanism, the best there is
    against it. Where an epoch has several steps, `range` is the largest whitened update less the
    smallest: noise that repeats leaves none without the canary.

    Raises:
        OverheardError: the event is not one Gaussian query.
    """
    if not isinstance(event, GaussianDpEvent):
        raise OverheardError(f"ordered canaries audit one Gaussian query, not {event}")
    root, epoch = mechanism.root, mechanism.epoch
    parts = [root.participation(mechanism.place(name), epoch) for name in names]
    signal = repetitions * root.times(np.stack(parts, 1))
    whitened = root.times(updates)
    deviation = event.noise_multiplier * root.sensitivity(epoch)
    found = {"likelihood": (signal * (whitened - signal / 2)).sum(0) / deviation**2}
    if epoch > 1:
        found["range"] = np.ptp(whitened, axis=0)
    return found
