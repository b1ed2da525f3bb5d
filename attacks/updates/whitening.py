"""Linear detectors in the span of what the attacker can simulate.

A template says how an update differs from the usual one if something is true of who sent it. The
best linear detector of a template in Gaussian clutter is the matched filter, the template weighted
by the inverse of the clutter's covariance (Turin 1960). Noise that is the same in all directions
stays so in an orthonormal basis. Hence nothing is lost for detectors that lie in the span of the
simulated updates if everything else is left out, and what remains has few numbers.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Matrix = NDArray[np.float64]


def basis(rows: Tensor) -> Tensor:
    """Return orthonormal columns (P, D) whose span holds the rows (N, P); D is at most N and P."""
    return torch.linalg.qr(rows.T)[0]


def coordinates(rows: Tensor, columns: Tensor) -> Matrix:
    """Return the coordinates (N, D) of rows (N, P) in an orthonormal basis (P, D)."""
    return (rows @ columns).double().cpu().numpy()


def scatter(residuals: Matrix, freedom: int, share: float) -> Matrix:
    """Return the covariance (D, D) of residuals (N, D) that have `freedom` degrees of freedom.

    It is shrunk: `share` of the mean variance of its directions is added to each. Without that, a
    direction that the few residuals leave out would seem free of clutter.
    """
    covariance: Matrix = residuals.T @ residuals / max(freedom, 1)
    usual = float(np.trace(covariance)) / max(min(*residuals.shape, freedom), 1)
    return covariance + share * usual * np.eye(len(covariance))


def matched(templates: Matrix, seen: Matrix, clutter: Matrix) -> Matrix:
    """Return the matched filter of each template (T, D) for each of what is seen (M, D): (M, T).

    Both are offsets from what is usual, `clutter` (D, D) is the covariance of the latter. The
    filter of a template itself is its squared distance in that metric.
    """
    answers: Matrix = seen @ np.linalg.solve(clutter, templates.T)
    return answers


def noisy(clutter: Matrix, times: float, sigma: float) -> Matrix:
    """Return the covariance of `times` independent updates and noise of deviation `sigma` each."""
    return times * clutter + sigma**2 * np.eye(len(clutter))
