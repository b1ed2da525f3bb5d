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

from attacks.registry import ATTACKS
from leaderboard.records import strongest
from leaderboard.records.attack_result import AttackResult, read_results
from leaderboard.records.numbers import estimate_to_json
from leaderboard.records.record import Record
from leaderboard.records.run_folder import read_records
from targets.core.estimate import Estimate

# The attacks that have a column, and the figure that stands for each there.
SHOWN = {entry.name: entry.column for entry in ATTACKS if entry.column}
HEADLINE = {name: ATTACKS[name].figure for name in SHOWN}

UNDEFENDED = "none"
CONTROLS = ("public", "start")  # schemes that touch nothing private: every row is read beside them

MEASURED = ("wer", *HEADLINE, "audited_epsilon")
KEYS = (
    "target", "scheme", "seed", "unit", "epsilon", "delta",
    "wer", *HEADLINE, "audited_epsilon", "status",
)  # fmt: skip

TITLES = {
    "epsilon": "ε",
    "delta": "δ",
    "wer": "WER %",
    **{name: column.title for name, column in SHOWN.items()},
    "audited_epsilon": "audited ε",
}

NOTES = {
    "ε, δ": "what is promised, for one `unit`; a dash is no promise",
    "WER %": "word error rate on unheard speakers; lower is better",
    **{column.title: column.note for column in SHOWN.values()},
    "audited ε": "what an attack has proven at least; above ε the promise is false (`falsified`)",
    "[low, high]": "95 % interval unless the JSON says otherwise; a dash is not measured, "
    "never zero",
}
FOOTER = "\n".join(f"{title:{max(map(len, NOTES)) + 2}}{note}" for title, note in NOTES.items())


class Format(StrEnum):
    """How a table is written."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"
    LATEX = "latex"
    MARKDOWN = "markdown"


Row = dict[str, Any]


def rows(records: Iterable[Record], found: Sequence[AttackResult] = ()) -> list[Row]:
    """Return one row a record, in the order of the table; measured values are Estimates.

    Its status, and the strongest known attack on it, follow from what submitted attacks `found`
    too.
    """
    return [_row(record, found) for record in sorted(records, key=place)]


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
        "suite": cell.suite,
        "target": cell.target,
        "scheme": cell.label,
        "seed": cell.seed,
        "unit": promise.unit if promise else None,
        "epsilon": promise.promised if promise else cell.epsilon,
        "delta": promise.delta if promise else None,
    }


def _row(record: Record, found: Sequence[AttackResult]) -> Row:
    return {
        **identity(record),
        "wer": record.wer,
        **{attack: headline(record, attack) for attack in HEADLINE},
        "audited_epsilon": record.audited_epsilon,
        **strongest.strongest(record, found),
        "status": strongest.status(record, found),
    }


def headline(record: Record, attack: str) -> Estimate:
    """Return the figure that stands for an attack; unscored, with the reason, without one."""
    figures = record.leakages.get(attack, {})
    if HEADLINE[attack] in figures:
        return figures[HEADLINE[attack]]
    if record.status in ("failed", "disqualified"):
        return Estimate.unscored(f"{record.status}: {record.reason}")
    return Estimate.unscored("the suite has no such attack")


def table(folder: Path, form: Format) -> str:
    """Return the table of a folder of records, beside what submitted attacks found, if any."""
    found = read_results(folder)
    content = rows(read_records(folder), found)
    if not found:
        return render(content, KEYS, TITLES, FOOTER, form)
    keys = (*KEYS[:-1], *strongest.KEYS, KEYS[-1])
    footer = f"{FOOTER}\n{strongest.FOOTER}"
    return render(content, keys, TITLES | strongest.TITLES, footer, form)


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
        return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)
    if form is Format.CSV:
        return _csv(content, keys)
    headers = [titles.get(key, key) for key in keys]
    body = [[_for_reading(key, row[key]) for key in keys] for row in content]
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
                flat[key] = value
        if writer is None:
            writer = csv.DictWriter(out, flat, lineterminator="\n")
            writer.writeheader()
        writer.writerow(flat)
    return out.getvalue().rstrip("\n")


def _for_reading(key: str, value: Any) -> str:
    if isinstance(value, Estimate):
        return compact(value, percent=key == "wer")
    if value is None:
        return "-"
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
