"""Secrets by how often they are said: how exposed they are, and what is promised to so many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from leaderboard.figures.headline import CANARY, HEADLINE, ONCE, exposure, repetitions
from leaderboard.figures.intervals import mean_over_seeds
from leaderboard.figures.seeds import Repeated, each_seed, over_seeds
from leaderboard.records.record import Record
from leaderboard.records.run_folder import read_records
from leaderboard.views.table import SEEDS, TITLES, Format, Row, keys_of, place, render, row_of
from targets.core.estimate import Estimate

FOOTER = """\
said n times     exposure in bits of trained-on secrets that are said so often in an epoch
ε of n           what is promised to n utterances together: such a secret is that many of them.
                 A dash is no promise, or a record from before it was kept"""

EXPOSURE, EPSILON = "said_{}", "epsilon_of_{}"


def repeats(record: Record) -> list[int]:
    """Return how often the secrets of a record are said, where there are several numbers."""
    often = list(repetitions(record))
    return often if len(often) > 1 else []


def repetition_columns(cell: Repeated, numbers: Sequence[int]) -> Row:
    """Return for each number the exposure of secrets said so often, and the ε of such a group."""
    columns: Row = {}
    for often in numbers:
        found = [exposure(r, often) for r in cell.measured if often in repeats(r)]
        nothing = [Estimate.unscored("no secret is said so often")]
        columns[EXPOSURE.format(often)] = mean_over_seeds(found or nothing, 0.0)
        columns[EPSILON.format(often)] = max(
            (e for r in cell.measured if (e := _promised(r, often)) is not None), default=None
        )
    return columns


def _promised(record: Record, often: int) -> float | None:
    if often == ONCE:
        return record.promised
    epsilon = record.group_epsilon.get(str(often), math.inf)
    return epsilon if math.isfinite(epsilon) else None


def repetition_rows(
    records: Sequence[Record], *, seeds: bool = False
) -> tuple[list[Row], list[int]]:
    """Return a row for each cell whose secrets are repeated, and the numbers of all of them."""
    told = [record for record in sorted(records, key=place) if repeats(record)]
    numbers = sorted({often for record in told for often in repeats(record)})
    cells = (each_seed if seeds else over_seeds)(told)
    return [row_of(cell) | repetition_columns(cell, numbers) for cell in cells], numbers


def repetition_table(folder: Path, form: Format, *, seeds: bool = False) -> str:
    """Return the table of a folder of records; empty where no secret is said more than once."""
    content, numbers = repetition_rows(read_records(folder), seeds=seeds)
    several = any(len(row[SEEDS]) > 1 for row in content)
    keys = ("target", "scheme", "seed", *columns_of(numbers))
    return render(content, keys_of(keys, form, several), headers_of(numbers), FOOTER, form)


def columns_of(numbers: Sequence[int]) -> list[str]:
    """Return the keys of the columns: for each number first the promise, then the exposure."""
    return [form.format(often) for often in numbers for form in (EPSILON, EXPOSURE)]


def headers_of(numbers: Sequence[int]) -> dict[str, str]:
    """Return the titles of the columns."""
    bits = TITLES.get(CANARY, HEADLINE[CANARY])
    said = {n: "said once" if n == ONCE else f"said {n} times" for n in numbers}
    return TITLES | {
        **{EPSILON.format(n): "ε" if n == ONCE else f"ε of {n}" for n in numbers},
        **{EXPOSURE.format(n): f"{bits}, {said[n]}" for n in numbers},
    }
