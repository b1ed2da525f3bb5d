"""Pairs of a grid as parameters: some in the quick tests, others left to CI as slow."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest


def grid(
    columns: Sequence[str],
    rows: Sequence[str],
    *,
    slow: Collection[str] = (),
    thin: Collection[str] = (),
    bare: Collection[str] = (),
    every: int = 3,
) -> list[object]:
    """Return the parameters (column, row) of pairs, of which a diagonal is quick.

    Row i is quick in column i modulo their number, so that every row is tried once, and every
    column with some rows. Rows named in `slow` are slow in every column. Of a column named in
    `thin` one pair in `every` is there beside the diagonal, another one from column to column: so
    few where columns share their code that a row which fails in one fails in others. Of a column
    named in `bare` there is the diagonal alone.
    """
    return [
        pytest.param(
            column,
            row,
            marks=[] if diagonal and row not in slow else [pytest.mark.slow],
            id=f"{column}-{row}",
        )
        for j, column in enumerate(columns)
        for i, row in enumerate(rows)
        for diagonal in [j == i % len(columns)]
        if diagonal or (column not in bare and (column not in thin or (i + j) % every == 0))
    ]
