"""Checks that a JSON table holds every cell of a suite, whole and in order: FILE SUITE."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from leaderboard.spec.load import load_suite
from leaderboard.views.table import FOR_MACHINES, KEYS, MEASURED


def main(file: str, suite: str) -> None:
    """Exit with a message where the table is not what the suite promises."""
    rows = json.loads(Path(file).read_text(encoding="utf-8"))
    cells = load_suite(suite).cells()
    expected = sorted((c.target, c.label, c.seed) for c in cells)
    found = sorted((row["target"], row["scheme"], row["seed"]) for row in rows)
    if found != expected:
        sys.exit(f"rows {found}, expected {expected}")
    attacked = {attack.name for attack in cells[0].conditions.attacks}
    for row in rows:
        name = f"{row['target']} {row['scheme']} ε={row['epsilon']}"
        if tuple(row) != (*KEYS, *FOR_MACHINES):
            sys.exit(f"{name}: keys {list(row)}")
        if row["status"] not in ("ok", "falsified") and "cannot tell" not in row["status"]:
            sys.exit(f"{name}: {row['status']}: {row['wer']['method']}")
        if (row["scheme"] == "none") != (row["epsilon"] is None):
            sys.exit(f"{name}: a promise where there is none, or none where there is one")
        for key in MEASURED:
            scored = row[key]["value"] is not None
            if not scored and (key in attacked or key == "wer"):
                sys.exit(f"{name}: {key}: {row[key]['method']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
