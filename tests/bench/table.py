"""The ratios of `make bench`: `python -m tests.bench.table RESULTS.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tabulate import tabulate

PLAIN = "plain"

Rows = dict[str, dict[str, str]]  # by target and batch, then by mode


def tables(results: dict[str, Any]) -> str:
    """Return both tables of a pytest-benchmark file: times, and peak memory, over plain."""
    times: Rows = {}
    sizes: Rows = {}
    plain_size: dict[str, int] = {}
    for entry in results["benchmarks"]:
        group, name, found = entry["group"], entry["params"]["name"], entry["extra_info"]
        alone = f"{1000 * entry['stats']['min']:.0f} ms"
        times.setdefault(group, {})[name] = (
            alone if name == PLAIN else f"{found['over_plain']:.2f}x"
        )
        if size := found.get("peak_bytes"):
            base = plain_size.setdefault(group, size)  # plain comes first
            shown = f"{size / 1e6:.0f} MB" if name == PLAIN else f"{size / base:.2f}x"
            sizes.setdefault(group, {})[name] = shown
    return (
        "CPU time of a step, over a plain step right before it (median of pairs)\n\n"
        f"{_table(times)}\n\nPeak memory of a physical batch, over plain\n\n{_table(sizes)}"
    )


def _table(rows: Rows) -> str:
    names = list(next(iter(rows.values())))
    cells = [[group, *(modes[name] for name in names)] for group, modes in rows.items()]
    align = ("left", *["right"] * len(names))
    return tabulate(cells, ["target", *names], "github", colalign=align)


if __name__ == "__main__":
    print(tables(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
