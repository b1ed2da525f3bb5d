"""How often chance alone sets two groups of speakers of one kind apart at p <= 0.05.

`python -m tests.leaderboard.cohorts.level [TABLES]` prints it for word errors, by the sizes of the
groups, by how unequally much speakers say, and by whether few speakers are far worse than most.
"""

from __future__ import annotations

import sys
from itertools import product
from unittest.mock import patch

import numpy as np

from leaderboard.cohorts import contrast
from leaderboard.cohorts.contrast import rate_gap
from tests.leaderboard.cohorts.test_contrast import unequal

SIZES = ((3, 5), (3, 40), (8, 40))
SPREADS = (0.5, 1.0)  # deviation of the logarithm of what a speaker says
SWAPS = 199


def main(tables: int) -> None:
    """Print one line for each setting."""
    rng = np.random.default_rng(7)
    for (few, many), spread, skewed in product(SIZES, SPREADS, (False, True)):
        found = 0
        for _ in range(tables):
            table, inside = unequal(rng, few, many, spread, skewed)
            found += rate_gap([(table, 1.0)], inside, ~inside).p <= 0.05
        kind = "skewed" if skewed else "normal"
        print(f"{few} and {many}, spread {spread}, {kind}: {found / tables:.3f}", flush=True)


if __name__ == "__main__":
    with patch.object(contrast, "SWAPS", SWAPS):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
