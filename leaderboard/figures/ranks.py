"""How much better one attack, or one target, ranks members than another does, on the same coins.

Arrays only. Source: DeLong, DeLong and Clarke-Pearson (1988), "Comparing the areas under two or
more correlated receiver operating characteristic curves"; Obuchowski (1997) for clusters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leaderboard.figures.intervals import LEVEL, student
from targets.core.estimate import Estimate

Values = NDArray[np.float64]


def auc_difference(
    one: Values,
    other: Values,
    members: NDArray[np.bool_],
    clusters: NDArray[np.int64],
    level: float = LEVEL,
) -> Estimate:
    """Return the AUC of scores `one` (N,) less that of scores `other` (N,), of the same candidates.

    `members` (N,) are the coins that both share, `clusters` (N,) the speaker of each candidate, or
    a number of its own. What both find easy cancels out. Student's t over clusters.
    """
    first, second = _placements(one, members), _placements(other, members)
    areas = [float(placed[members].mean()) for placed in (first, second)]
    value = areas[0] - areas[1]
    # How much each candidate moves the difference; a mean of nothing has no influence.
    less = first - second
    sizes = np.where(members, members.sum(), (~members).sum())
    count = len(np.unique(clusters))
    if count < 2:
        return Estimate.unscored("one speaker alone: a difference with an interval needs two")
    error = clustered_error((less - value) / sizes, clusters)
    half = student(count - 1, level) * error
    return Estimate(
        value, value - half, value + half, level, f"paired DeLong over {count} clusters"
    )


def _placements(scores: Values, members: NDArray[np.bool_]) -> Values:
    """Return of each score (N,) the share of the other side that it is on the right side of.

    Ties count half. The mean over either side is the AUC.
    """
    inside, outside = np.sort(scores[members]), np.sort(scores[~members])
    placed = np.empty(len(scores))
    for side, others in ((members, outside), (~members, inside)):
        below = np.searchsorted(others, scores[side], "left")
        not_above = np.searchsorted(others, scores[side], "right")
        placed[side] = (below + not_above) / (2 * len(others))
    placed[~members] = 1 - placed[~members]
    return placed


def auc_influence(scores: Values, members: NDArray[np.bool_]) -> tuple[float, Values]:
    """Return the AUC of scores (N,), and how much each of them moves it (N,): DeLong's."""
    placed = _placements(scores, members)
    value = float(placed[members].mean())
    return value, (placed - value) / np.where(members, members.sum(), (~members).sum())


def clustered_error(influence: Values, clusters: NDArray[np.int64]) -> float:
    """Return the standard error of a figure that candidates (N,) move by their influence.

    `clusters` (N,) are whole numbers from 0, at least two different ones. What those of one cluster
    do to the figure adds up.
    """
    moved = np.bincount(clusters, influence)[np.bincount(clusters) > 0]
    return float(np.sqrt(np.sum(moved**2) * len(moved) / (len(moved) - 1)))
