"""A word of caution where figures would be misread: of recognisers that hear nothing."""

from __future__ import annotations

from collections.abc import Iterable

from leaderboard.records.record import Record

DEAF = 0.9  # word error rate from which on a recogniser hears nothing worth attacking


def caution(records: Iterable[Record]) -> str | None:
    """Return a line where even the best recogniser of a run hears nothing; else None."""
    heard = [r.wer.value for r in records if r.wer is not None and r.wer.scored]
    if not heard or min(heard) < DEAF:
        return None
    return (
        f"THESE FIGURES MEAN NOTHING: no recogniser here hears speech (the best has a WER of "
        f"{100 * min(heard):.0f} %),\nso there is next to nothing to protect or to attack. The "
        "suite `tiny` shows that all runs; `quick` is the first that measures."
    )
