"""The ratios of `make bench`: `python -m tests.bench.table RESULTS.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

OURS, TORCH = "plain (ours)", "plain (torch)"
# Each step, and what it is measured against: plain training in our layers by its own size.
COLUMNS = (
    (OURS, None),
    (TORCH, OURS),
    ("edpsgd", OURS),
    ("edpsgd", TORCH),
    ("dpsgd", TORCH),
    ("opacus hooks", TORCH),
    ("opacus ghost", TORCH),
)

Entry = dict[str, Any]  # of one step, as pytest-benchmark wrote it
Entries = dict[str, Entry]


def tables(results: dict[str, Any]) -> str:
    """Return both tables of a pytest-benchmark file, times and peak memory.

    A dash is what was not measured.
    """
    groups: dict[str, Entries] = {}
    for entry in results["benchmarks"]:
        groups.setdefault(entry["group"], {})[entry["params"]["name"]] = entry
    times = [[group, *(_time(steps, *c) for c in COLUMNS)] for group, steps in groups.items()]
    sizes = [
        [group, *(_size(steps, *c) for c in COLUMNS)]
        for group, steps in groups.items()
        if any(map(_bytes, steps.values()))
    ]
    return (
        "CPU time of a step, over plain steps right before it (median of pairs)\n\n"
        f"{_table(times)}\n\nPeak memory of a physical batch\n\n{_table(sizes)}"
    )


def _time(steps: Entries, name: str, beside: str | None) -> str:
    if name not in steps:
        return "-"
    if beside is None:
        return f"{1000 * steps[name]['stats']['min']:.0f} ms"
    over = steps[name]["extra_info"].get("over", {}).get(beside)  # none of a step that was wrong
    return "-" if over is None else f"{over:.2f}x"


def _size(steps: Entries, name: str, beside: str | None) -> str:
    size = _bytes(steps.get(name))
    base = _bytes(steps.get(beside or name))
    if not size or not base:
        return "-"
    return f"{size / 1e6:.0f} MB" if beside is None else f"{size / base:.2f}x"


def _bytes(entry: Entry | None) -> int:
    return int(entry["extra_info"].get("peak_bytes", 0)) if entry else 0


def _table(rows: Sequence[Sequence[str]]) -> str:
    names = [name if beside is None else f"{name} / {beside}" for name, beside in COLUMNS]
    align = ("left", *["right"] * len(names))
    return tabulate(rows, ["target", *names], "github", colalign=align)


if __name__ == "__main__":
    print(tables(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
