"""From the gradient of a first convolution back to the spectrogram, by linear algebra alone.

The gradient of the kernel is Δᵀ X: X (T', K) are the windows of frames that the kernel was laid
on, Δ (T', C) the gradients of what came out. With no more windows than channels its rows span
exactly what the windows span, each with a one beside it for the bias. Neighbouring windows share
frames and the first begins with padding: the only spectrogram whose windows all lie in that span is
the one that was heard. Neither transcript nor a descent is needed (compare R-GAP, Zhu and Blaschko
2021, arXiv 2010.07733).
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import solveh_banded
from torch import Tensor

ROUNDING = 1e-6  # of single precision, relative to the largest singular value
MARGIN = 1.1  # above the largest singular value that noise alone is expected to have
RIDGE = 1e-9  # how much a frame is drawn to the prior where the gradient says nothing of it


def spectrogram(
    weight: Tensor, bias: Tensor, prior: Tensor, stride: int, sigma: float = 0.0
) -> Tensor:
    """Return the frames (T, M) that a first convolution heard, from one example's gradient.

    `weight` (C, M * width) and `bias` (C,) are the gradients of a convolution whose windows begin
    every `stride` frames, the first one centred on the first frame; every number has Gaussian
    noise of standard deviation `sigma`. `prior` (T, M) is the guess of whoever has seen nothing,
    and is returned where all is noise. With more windows than channels the span holds only part
    of the windows, and the result is a likeness.
    """
    width = weight.shape[1] // prior.shape[1]
    # A kernel's numbers (C, M, width) in the order of its window in the spectrogram.
    laid = weight.view(len(weight), -1, width).transpose(1, 2).flatten(1)
    # The equations are solved by numpy's bands: on the CPU from here on.
    rows = torch.cat([laid, bias[:, None]], 1).cpu().double()  # (C, K + 1)
    _, sizes, directions = torch.linalg.svd(rows, full_matrices=False)
    # Singular values of noise alone end here (Bai and Yin): what lies below cannot be told from it.
    noise = sigma * (rows.shape[0] ** 0.5 + rows.shape[1] ** 0.5)
    edge = MARGIN * noise + ROUNDING * float(sizes[0])
    seen = sizes > edge
    if not seen.any():
        return prior
    inside = directions[seen]
    trust = sizes[seen].square() / (sizes[seen].square() + edge**2)
    identity = torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
    outside = (identity - (inside.T * trust) @ inside).numpy()
    return _windows_inside(outside, prior.cpu().double().numpy(), width, stride).to(prior)


def _windows_inside(outside: np.ndarray, prior: np.ndarray, width: int, stride: int) -> Tensor:
    """Return the frames (T, M) whose windows, with a one, are shortest under a quadratic form.

    `outside` (K + 1, K + 1) measures what of a window lies outside the span. Windows touch only
    their neighbours, so that the normal equations are banded.
    """
    T, M = prior.shape
    reach = width * M  # of one window
    diagonals = np.zeros((reach, T * M))
    right = RIDGE * prior.ravel()
    form, constant = outside[:-1, :-1], outside[:-1, -1]
    bands: dict[tuple[int, int], np.ndarray] = {}  # all windows but those at the ends are alike
    for first in range(-(width // 2), T - width // 2, stride):
        low, high = max(0, -first) * M, min(width, T - first) * M
        at = slice(first * M + low, first * M + high)
        if (low, high) not in bands:
            bands[low, high] = _bands(form[low:high, low:high], reach)
        diagonals[:, at] += bands[low, high]
        right[at] -= constant[low:high]
    diagonals[-1] += RIDGE
    solved = solveh_banded(diagonals, right, overwrite_ab=True, overwrite_b=True)
    return torch.from_numpy(solved.reshape(T, M))


def _bands(square: np.ndarray, reach: int) -> np.ndarray:
    """Return the upper half of a symmetric matrix (n, n) as LAPACK keeps bands: (reach, n)."""
    n = len(square)
    bands = np.zeros((reach, n))
    for d in range(n):
        bands[reach - 1 - d, d:] = np.diagonal(square, d)
    return bands
