"""Every figure of a run, one a line: what statistics programs and papers want to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from leaderboard.record import Record, read_records
from leaderboard.table import TITLES, Format, Row, identity, place, render

KEYS = (
    "suite", "target", "scheme", "seed", "unit", "epsilon", "delta", "status", "attack", "figure",
    "estimate",
)  # fmt: skip

FOOTER = """\
ε, δ             what is promised, for one `unit`; a dash is no promise
attack           whose figure it is; a dash for those of the target itself
estimate         value and interval; the CSV and the JSON give level, method and ceiling too"""


def figures(records: Iterable[Record]) -> list[Row]:
    """Return one row an estimate: record by record in the order of the table."""
    return [row for record in sorted(records, key=place) for row in _figures(record)]


def _figures(record: Record) -> Iterable[Row]:
    common = {**identity(record), "status": record.status}
    for name in ("wer", "wer_members", "wer_held_out", "audited_epsilon"):
        yield common | {"attack": None, "figure": name, "estimate": getattr(record, name)}
    for attack, found in record.leakages.items():
        for name, estimate in found.items():
            yield common | {"attack": attack, "figure": name, "estimate": estimate}


def export(folders: Sequence[Path], form: Format) -> str:
    """Return every figure of the records in some folders; WER is a fraction here."""
    records = [record for folder in folders for record in read_records(folder)]
    return render(figures(records), KEYS, TITLES, FOOTER, form)
