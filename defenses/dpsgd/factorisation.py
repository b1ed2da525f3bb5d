"""The matrix that correlates the noise of DP-FTRL: a banded square root of the prefix sum.

Training by gradients is a matter of their prefix sums: row t of A G, where A holds ones on and
below its diagonal. Written as A = B C, a mechanism may release C G + Z with white noise Z, and
B (C G + Z) = A (G + C⁻¹Z) is post-processing of it: training sees gradients under noise C⁻¹Z, of
which a later step takes back some of what an earlier one added.

C is here the square root of A, whose coefficients are those of (1 - x)^(-1/2), without those beyond
a band (Fichtenberger, Henzinger and Upadhyay 2022, arXiv 2202.11205; banded by Kalinin and Lampert
2024, arXiv 2405.13763). All of its entries are at least 0, on which `sensitivity` relies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from targets.core.errors import OverheardError


@dataclass(frozen=True)
class BandedRoot:
    """C (steps, steps): lower triangular, Toeplitz, of `band` diagonals.

    With a band of 1 it is the identity, and the noise is that of DP-SGD.
    """

    steps: int
    band: int

    def __post_init__(self) -> None:
        """Refuse a matrix that there is not.

        Raises:
            OverheardError: the band is not within the steps.
        """
        if not 1 <= self.band <= self.steps:
            raise OverheardError(f"band is {self.band}; give 1 up to the {self.steps} steps")

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """The entries of the first column from its diagonal on, (band,)."""
        numbers = np.arange(1, self.band)
        return np.concatenate([[1.0], np.cumprod(1 - 1 / (2 * numbers))])

    def times(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return C times columns (steps, ...)."""
        result = np.zeros(np.shape(columns))
        for lag, coefficient in enumerate(self.coefficients):
            result[lag:] += coefficient * columns[: self.steps - lag]
        return result

    def participation(self, first: int, separation: int) -> NDArray[np.float64]:
        """Return in which steps (steps,) a unit takes part: in `first` and every so many later."""
        found = np.zeros(self.steps)
        found[first::separation] = 1.0
        return found

    def sensitivity(self, separation: int) -> float:
        """Return how far a unit moves C G at most: the Frobenius norm, of gradients of norm 1.

        The unit takes part in every `separation`-th step, from whichever on (as it does in epochs
        of a fixed order). Gradients of its participations may point anywhere: since columns of C
        have no negative products, the worst is that all point the same way. Then the move is the
        sum of columns so far apart, and the worst of those begins with the first column: all others
        are the same, moved down and cut off below. Where the band is no longer than the separation,
        columns share no row, and it is the root of the sum of their squared norms (Choquette-Choo
        et al. 2023, arXiv 2306.08153).
        """
        return float(np.linalg.norm(self.times(self.participation(0, separation))))
