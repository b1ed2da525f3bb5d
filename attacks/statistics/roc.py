"""The receiver operating characteristic (ROC) of an attack, as the corners of its curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]


def roc(in_scores: Scores, out_scores: Scores) -> tuple[Scores, Scores]:
    """Return false and true positive rates, each (K,), from (0, 0) to (1, 1), rising.

    `in_scores` (n_in,) are those of members, `out_scores` (n_out,) those of the others; neither
    may be empty. Equal scores make one slanted step, as no threshold falls between them. Corners
    alone are kept: straight lines between them are the whole curve.
    """
    scores = np.concatenate([in_scores, out_scores])
    order = np.argsort(-scores, kind="stable")
    member = order < len(in_scores)
    descending = scores[order]
    ends = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))
    hits = np.append(0, np.cumsum(member)[ends])
    alarms = np.append(0, np.cumsum(~member)[ends])
    rises, runs = np.diff(hits), np.diff(alarms)
    straight = rises[1:] * runs[:-1] == runs[1:] * rises[:-1]
    corners = np.concatenate([[True], ~straight, [True]])
    return alarms[corners] / len(out_scores), hits[corners] / len(in_scores)
