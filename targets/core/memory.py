"""Freed memory that a process keeps for its next step."""

from __future__ import annotations

from functools import cache

import numpy as np

PIECE = 31 * 2**20  # bytes; of pieces of 32 MiB and more glibc learns nothing


@cache
def keep_freed_memory() -> None:
    """Have the C library keep up to 62 MiB of freed memory, where it would hand it back.

    A training step frees at its end what it held, and the next one asks for as much. glibc hands
    freed memory back to the system above a bound, twice the largest piece that it got from there by
    itself and freed again (M_MMAP_THRESHOLD in mallopt(3)). Every page that comes back has to be
    cleared. So one such piece is got and freed here, untouched. With other C libraries nothing
    changes.
    """
    np.empty(PIECE, np.uint8)
