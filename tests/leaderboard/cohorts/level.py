"""How often chance alone sets two groups of speakers of one kind apart at p <= 0.05.

`python -m tests.leaderboard.cohorts.level [TABLES [GAMES]]` prints it for word errors and for
leakage, by the sizes of the groups and by how unequally much speakers say; for word errors also by
whether few speakers are far worse than most, for leakage also by the number of seeds.
"""

from __future__ import annotations

import sys
from itertools import product
from unittest.mock import patch

import numpy as np

from leaderboard.cohorts import contrast
from leaderboard.cohorts.contrast import area_gap, rate_gap
from tests.leaderboard.cohorts.test_contrast import seeds_of, unequal

SIZES = ((3, 5), (3, 40), (8, 40))
SPREADS = (0.5, 1.0)  # deviation of the logarithm of what a speaker says
PERMUTATIONS = 199
# The sizes of the groups, the spread, and the seeds.
GAMES = ((3, 8, 0.0, 1), (3, 8, 0.5, 3), (8, 30, 0.0, 1), (8, 30, 0.5, 3), (8, 30, 1.0, 1))
OF_SPEAKER = 0.5  # deviation of what a speaker leaks, in deviations of the scores


def word_errors(tables: int) -> None:
    """Print one line for each setting of word errors."""
    rng = np.random.default_rng(7)
    for (few, many), spread, skewed in product(SIZES, SPREADS, (False, True)):
        found = 0
        for _ in range(tables):
            table, inside = unequal(rng, few, many, spread, skewed)
            found += rate_gap([(table, 1.0)], inside, ~inside).p <= 0.05
        kind = "skewed" if skewed else "normal"
        print(f"{few} and {many}, spread {spread}, {kind}: {found / tables:.3f}", flush=True)


def leakage(games: int) -> None:
    """Print one line for each setting of leakage."""
    rng = np.random.default_rng(8)
    for few, many, spread, seeds in GAMES:
        found = 0
        for _ in range(games):
            one, other = (
                seeds_of(rng, speakers, seeds, of_speaker=OF_SPEAKER, name=name, spread=spread)
                for speakers, name in ((few, "a"), (many, "b"))
            )
            found += area_gap(one, other).p <= 0.05
        share = found / games
        print(f"leakage, {few} and {many}, spread {spread}, seeds {seeds}: {share:.3f}", flush=True)


if __name__ == "__main__":
    given = list(map(int, sys.argv[1:3]))
    tables, games = [*given, *(1_000, 800)[len(given) :]]
    with patch.object(contrast, "PERMUTATIONS", PERMUTATIONS):
        word_errors(tables)
    leakage(games)
