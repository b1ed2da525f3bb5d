"""Every figure of a run, one a line: what statistics programs and papers want to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from leaderboard.figures.paired import CONTROLS, Beside, every_difference, wer_less
from leaderboard.records.attack_result import AttackResult, read_results
from leaderboard.records.board import Board
from leaderboard.records.mechanism_audit import read_audits
from leaderboard.records.record import Record
from leaderboard.records.run_folder import read_records
from leaderboard.records.strongest import results_on, strongest
from leaderboard.views.table import TITLES, Format, Row, identity, place, proven, render
from targets.core.estimate import Estimate

KEYS = (
    "suite", "target", "scheme", "seed", "unit", "epsilon", "delta", "status", "attack", "figure",
    "estimate",
)  # fmt: skip

FOOTER = """\
ε, δ             what is promised, for one `unit`; a dash is no promise
attack           whose figure it is; a dash for those of the target itself
estimate         value and interval; the CSV and the JSON give level, method and ceiling too
strongest ...    of all attacks known, submitted ones included: there where any was submitted"""


def figures(
    records: Iterable[Record],
    found: Sequence[AttackResult] = (),
    beside: Beside | None = None,
    board: Board | None = None,
) -> list[Row]:
    """Return one row an estimate: record by record in the order of the table.

    What submitted attacks found on a record's weights, `found`, follows what the suite's did.
    Differences from controls, where they are known, are from those among the records, or `beside`;
    statuses are those of the `board`, or of one that the records alone are on.
    """
    ordered = sorted(records, key=place)
    others = beside or Beside.of(ordered)
    board = board or Board.of(ordered, found)
    return [
        row
        for record in ordered
        for row in figures_of(record, found, others, board, every_difference(record, others))
    ]


def figures_of(
    record: Record,
    found: Sequence[AttackResult],
    others: Beside,
    board: Board,
    differences: Mapping[str, Mapping[str, Estimate]],
) -> Iterable[Row]:
    """Yield the rows of one record; `differences` are its `every_difference`. See `figures`."""
    common = {**identity(record), "status": board.status(record)}
    for name in ("wer", "wer_members", "wer_held_out"):
        yield common | {"attack": None, "figure": name, "estimate": getattr(record, name)}
    for name, estimate in proven(record, board.audits).items():
        yield common | {"attack": None, "figure": name, "estimate": estimate}
    for control in CONTROLS:
        if (less := wer_less([record], others, control)).scored:
            yield common | {"attack": None, "figure": f"wer_less_{control}", "estimate": less}
    for attack, figures in record.leakages.items():
        for name, estimate in {**figures, **differences.get(attack, {})}.items():
            yield common | {"attack": attack, "figure": name, "estimate": estimate}
    later = results_on(record, found)
    for result in later:
        submitted = result.leakage | {"audited_epsilon": result.audited_epsilon}
        for name, estimate in submitted.items():
            yield common | {"attack": result.label, "figure": name, "estimate": estimate}
    for name, estimate in strongest(record, later).items() if later else ():
        yield common | {"attack": None, "figure": name, "estimate": estimate}


def export(folders: Sequence[Path], form: Format) -> str:
    """Return every figure of the records in some folders; WER is a fraction here."""
    rows = []
    for folder in folders:
        records, found = read_records(folder), read_results(folder)
        board = Board.of(records, found, read_audits(folder))
        rows += figures(records, found, board=board)
    return render(rows, KEYS, TITLES, FOOTER, form)
