"""Every pair of a grid as a parameter: some in the quick tests, the rest left to CI as slow."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest


def grid(
    columns: Sequence[str], rows: Sequence[str], *, slow: Collection[str] = ()
) -> list[object]:
    """Return the parameters (column, row) of every pair, of which a diagonal is quick.

    Row i is quick in column i modulo their number, so that every row is tried once, and every
    column with some rows. Rows named in `slow` are slow in every column.
    """
    return [
        pytest.param(
            column,
            row,
            marks=[] if j == i % len(columns) and row not in slow else [pytest.mark.slow],
            id=f"{column}-{row}",
        )
        for j, column in enumerate(columns)
        for i, row in enumerate(rows)
    ]
