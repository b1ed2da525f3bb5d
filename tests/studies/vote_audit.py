"""Is one accused row chance? `python -m tests.studies.vote_audit [SEEDS] [RECORD]` audits it again.

The mechanism of a published row is audited with other seeds, 150 unless told otherwise. Where its
price is right, p-values are spread evenly over 0 to 1. `RECORD` is a JSON file; it is the row of
PATE at ε = 3 in `whisper-pate`, if not given. Takes a minute of one core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from leaderboard.audits.at_settings import audit_at
from leaderboard.experiment.choices import defense_of
from leaderboard.manual.tables import published
from leaderboard.records.run_folder import read_record
from targets.core.randomness import Randomness

SEEDS = 150
LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75)


def main(seeds: int, path: Path) -> None:
    """Print how many p-values are at most each level, and the bounds."""
    record = read_record(path)
    promise = record.guarantee
    assert promise is not None
    assert promise.promised is not None
    assert promise.delta is not None
    found = [
        audit_at(
            "votes",
            defense_of(record.cell),
            str(record.event),
            promise.delta,
            promise.promised,
            Randomness(seed).child("audit again"),
            record.notes,
        )
        for seed in range(1, seeds + 1)
    ]
    p_values = np.array([f.p_value for f in found])
    bounds = np.array([f.audited.low for f in found])
    print(f"seed 1: p {p_values[0]:.2g}, proves {bounds[0]:.2f} of {promise.promised:g}")
    for level in LEVELS:
        print(f"p at most {level}: {(p_values <= level).mean():.1%}")
    print(f"p, mean: {p_values.mean():.2f}")
    print(f"bounds, mean and most: {bounds.mean():.2f}, {bounds.max():.2f} of {promise.promised:g}")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        int(given[0]) if given else SEEDS,
        Path(given[1])
        if given[1:]
        else published("whisper-pate") / "whisper-pate-30-queries-eps3-seed0.json",
    )
