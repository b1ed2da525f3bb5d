"""The leaderboard as a table, made from records and nothing else."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from tabulate import tabulate

from leaderboard.figures.headline import HEADLINE, MEMBERSHIP, SHOWN, short_name
from leaderboard.figures.headline import strongest as strongest_name
from leaderboard.figures.paired import CONTROLS
from leaderboard.figures.seeds import Repeated, each_seed, over_seeds
from leaderboard.records import strongest
from leaderboard.records.attack_result import AttackResult, read_results
from leaderboard.records.board import NO_BOARD, Board
from leaderboard.records.mechanism_audit import (
    MechanismAudit,
    audited_mechanism,
    audited_worst_case,
    read_audits,
)
from leaderboard.records.model_audit import ModelAudit
from leaderboard.records.numbers import estimate_to_json
from leaderboard.records.record import Record
from leaderboard.records.run_folder import read_records
from leaderboard.spec.load import suite_of
from leaderboard.views.caution import caution
from leaderboard.views.model_rows import model_rows, note
from targets.core.estimate import Estimate

UNDEFENDED = "none"

# What is proven of ε: of the model as the suite attacks it, in the worst case that final weights
# show, and of the mechanism itself.
PROVEN = ("audited_epsilon", "audited_epsilon_worst_case", "audited_epsilon_mechanism")
MEASURED = ("wer", *HEADLINE, *PROVEN)
KEYS = (
    "target", "scheme", "seed", "unit", "epsilon", "delta",
    "wer", *HEADLINE, *PROVEN, "status",
)  # fmt: skip
FOR_MACHINES = ("membership_attack", "membership_tried", "seeds")  # further keys: JSON, CSV
IN_PERCENT = "wer"  # how the name of every column begins that a reader sees in percent
SEEDS = "seeds"  # the column in place of `seed` where a row has several

TITLES = {
    "epsilon": "ε",
    "delta": "δ",
    "wer": "WER %",
    **{name: column.title for name, column in SHOWN.items()},
    "audited_epsilon": "audited ε",
    "audited_epsilon_worst_case": "worst case",
    "audited_epsilon_mechanism": "mechanism",
}

NOTES = {
    "ε, δ": "what is promised, for one `unit`; a dash is no promise",
    "WER %": "word error rate on unheard speakers; lower is better",
    **{column.title: column.note for column in SHOWN.values()},
    "audited ε": "what an attack has proven at least, with 95 % confidence for each row alone",
    "worst case": "the same from final weights, with start and canary chosen against the scheme",
    "mechanism": "the same from all that the scheme's mechanism releases; all three in the JSON",
    "status": "`falsified`: ε is false, with 95 % confidence for all rows together; "
    "`cannot tell`: the audit says nothing of ε",
    "[low, high]": "95 % interval unless the JSON says otherwise; a dash is not measured, "
    "never zero",
}
FOOTER = "\n".join(f"{title:{max(map(len, NOTES)) + 2}}{note}" for title, note in NOTES.items())
OF_SEEDS = (
    f"{SEEDS:{max(map(len, NOTES)) + 2}}how many training runs: figures are their mean, intervals "
    "hold seeds and test\n"
    f"{'':{max(map(len, NOTES)) + 2}}speakers, bounds hold at the level of one; `--seeds` shows "
    "each"
)


class Format(StrEnum):
    """How a table is written."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"
    LATEX = "latex"
    MARKDOWN = "markdown"


Row = dict[str, Any]


def rows(
    records: Iterable[Record],
    found: Sequence[AttackResult] = (),
    audits: Sequence[MechanismAudit] = (),
) -> list[Row]:
    """Return one row a record, in the order of the table; measured values are Estimates.

    They are those of one board: the status of each depends on the others. It, and the strongest
    known attack on a record, follow from what submitted attacks `found` too, and from `audits` of
    the mechanisms.
    """
    ordered = sorted(records, key=place)
    board = Board.of(ordered, found, audits)
    return [row_of(cell, board) for cell in each_seed(ordered)]


def rows_over_seeds(
    records: Iterable[Record],
    found: Sequence[AttackResult] = (),
    audits: Sequence[MechanismAudit] = (),
) -> list[Row]:
    """Return one row a cell over its seeds, in the order of the table; see `row_of`."""
    ordered = sorted(records, key=place)
    board = Board.of(ordered, found, audits)
    return [row_of(cell, board) for cell in over_seeds(ordered)]


def place(record: Record) -> tuple[str, int, str, float, int]:
    """Return the key that sorts records: by target, kind, scheme, ε and seed.

    No privacy comes first, and the controls that touch nothing private last.
    """
    cell = record.cell
    kind = 0 if cell.scheme == UNDEFENDED else 2 if cell.scheme in CONTROLS else 1
    return (cell.target, kind, cell.label, cell.epsilon or math.inf, cell.seed)


def identity(record: Record) -> Row:
    """Return the columns that say which entry it is and what it promises."""
    cell, promise = record.cell, record.guarantee
    return {
        "suite": suite_of(cell),
        "target": cell.target,
        "scheme": cell.label,
        "seed": cell.seed,
        "unit": promise.unit if promise else None,
        "epsilon": promise.promised if promise else cell.epsilon,
        "delta": promise.delta if promise else None,
    }


def proven(record: Record, audits: Sequence[MechanismAudit]) -> dict[str, Estimate]:
    """Return what is proven of a record's ε, in three ways."""
    return {
        "audited_epsilon": record.audited_epsilon,
        "audited_epsilon_worst_case": audited_worst_case(record, audits),
        "audited_epsilon_mechanism": audited_mechanism(record, audits),
    }


def row_of(cell: Repeated, board: Board = NO_BOARD) -> Row:
    """Return the row of a cell: its record's figures, or what those of several seeds say together.

    The promise is the weakest of them, the status the worst. What is proven of scheme and mechanism
    is of the first of them.
    """
    found = board.found
    each = [identity(record) for record in cell.measured or cell.records]
    promised = [who["epsilon"] for who in each]
    known = {record.cell.id: strongest.strongest(record, found) for record in cell.records}
    aucs = cell.membership()
    return {
        **each[0],
        "epsilon": None if None in promised else max(promised),
        "seed": cell.seeds[0] if len(cell.records) == 1 else None,
        "wer": cell.wer(),
        **{attack: cell.headline(attack) for attack in HEADLINE},
        **proven((cell.measured or cell.records)[0], board.audits),
        "audited_epsilon": cell.bound(lambda record: record.audited_epsilon),
        "strongest_auc": cell.mean(lambda record: known[record.cell.id]["strongest_auc"], 0.0),
        "strongest_audited": cell.bound(lambda record: known[record.cell.id]["strongest_audited"]),
        "status": cell.status(board.status),
        "membership_attack": strongest_name(aucs),
        "membership_tried": len(aucs),
        SEEDS: cell.seeds,
    }


def table(
    folder: Path | None,
    form: Format,
    *,
    seeds: bool = False,
    models: Sequence[ModelAudit] = (),
    records: Sequence[Record] | None = None,
) -> str:
    """Return the table of a folder of records, beside what submitted attacks found, if any.

    A cell of several seeds is one row, or with `seeds` one for each. Audits of `models` that others
    trained come last, or stand alone where there is no folder. `records` are those of the folder,
    where they have been read already.
    """
    if records is None:
        records = [] if folder is None else read_records(folder)
    found = [] if folder is None else read_results(folder)
    audits = [] if folder is None else read_audits(folder)
    content = (rows if seeds else rows_over_seeds)(records, found, audits)
    several = any(len(row[SEEDS]) > 1 for row in content)
    footer = f"{FOOTER}\n{OF_SEEDS}" if several else FOOTER
    warning = caution(records)
    footer = footer if warning is None else f"{warning}\n\n{footer}"
    keys = keys_of(KEYS, form, several)
    if models:
        content += model_rows(models)
        keys, footer = ("suite", *keys), f"{note(models)}\n\n{footer}"
    if not found:
        return render(content, keys, TITLES, footer, form)
    at = keys.index("status")
    keys = (*keys[:at], *strongest.KEYS, *keys[at:])
    return render(content, keys, TITLES | strongest.TITLES, f"{footer}\n{strongest.FOOTER}", form)


def keys_of(keys: Sequence[str], form: Format, several: bool) -> tuple[str, ...]:
    """Return the columns of a format; where rows have several seeds a reader sees their number."""
    if form in (Format.JSON, Format.CSV):
        return (*keys, *FOR_MACHINES)
    return tuple(SEEDS if key == "seed" and several else key for key in keys)


def render(
    content: Sequence[Row],
    keys: Sequence[str],
    titles: dict[str, str],
    footer: str,
    form: Format,
) -> str:
    """Return rows as text in the asked format; JSON and CSV keep every digit, the others do not."""
    if form is Format.JSON:
        plain = [{key: _for_json(row[key]) for key in keys} for row in content]
        # A row a line: indented, tens of thousands of them would take four times as long.
        lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in plain]
        return "[\n" + ",\n".join(lines) + "\n]"
    if form is Format.CSV:
        return _csv(content, keys)
    headers = [titles.get(key, key) for key in keys]
    body = [[for_reading(key, row) for key in keys] for row in content]
    style = {Format.TEXT: "simple", Format.LATEX: "latex_booktabs", Format.MARKDOWN: "github"}
    drawn = tabulate(body, headers, tablefmt=style[form], disable_numparse=True, stralign="left")
    if form is Format.LATEX:
        return _in_tex(drawn)
    return f"{drawn}\n\n{footer}" if form is Format.TEXT else drawn


def _for_json(value: Any) -> Any:
    return estimate_to_json(value) if isinstance(value, Estimate) else value


def _csv(content: Sequence[Row], keys: Sequence[str]) -> str:
    out = io.StringIO()
    writer: Any = None
    for row in content:
        flat: dict[str, Any] = {}
        for key in keys:
            value = row[key]
            if isinstance(value, Estimate):
                parts = estimate_to_json(value)
                flat[key] = parts.pop("value")
                flat |= {f"{key}_{part}": number for part, number in parts.items()}
            else:
                flat[key] = " ".join(map(str, value)) if isinstance(value, list) else value
        if writer is None:
            writer = csv.DictWriter(out, flat, lineterminator="\n")
            writer.writeheader()
        writer.writerow(flat)
    return out.getvalue().rstrip("\n")


def for_reading(key: str, row: Row) -> str:
    """Return the value of a column as a reader sees it."""
    value = row[key]
    if isinstance(value, Estimate):
        shown = compact(value, percent=key.startswith(IN_PERCENT))
        chosen = row.get("membership_attack") if row.get("membership_tried", 0) > 1 else None
        return f"{shown} {short_name(chosen)}" if key == MEMBERSHIP and chosen else shown
    if value is None:
        return "-"
    if isinstance(value, list):
        return str(len(value)) if value else "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def compact(estimate: Estimate, *, percent: bool = False) -> str:
    """Return an estimate as `0.83 [0.80, 0.86]`, a one-sided one as `1.20 [0.70, ∞)`."""
    if not estimate.scored:
        return "-"
    if percent:
        value, low, high = (f"{100 * x:.1f}" for x in (estimate.value, estimate.low, estimate.high))
    else:
        value, low, high = (f"{x:z.2f}" for x in (estimate.value, estimate.low, estimate.high))
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return value
    left = "(-∞" if math.isinf(estimate.low) else f"[{low}"
    right = "∞)" if math.isinf(estimate.high) else f"{high}]"
    return f"{value} {left}, {right}"


def _in_tex(drawn: str) -> str:
    for letter, command in {"ε": r"$\varepsilon$", "δ": r"$\delta$", "∞": r"$\infty$"}.items():
        drawn = drawn.replace(letter, command)
    return drawn
