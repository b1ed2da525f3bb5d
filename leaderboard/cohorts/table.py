"""Word errors and leakage of every cohort, row by row, from records alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leaderboard.cohorts.figures import attack_of, cohort_figures
from leaderboard.figures.paired import Beside
from leaderboard.figures.seeds import Repeated, each_seed, over_seeds
from leaderboard.records.record import Record
from leaderboard.records.run_folder import read_records
from leaderboard.views.table import SEEDS, TITLES, Format, Row, identity, keys_of, place, render
from targets.core.errors import OverheardError

WHO = ("target", "scheme", "seed", "unit", "epsilon", "cohort")
# In the text one table below another, to a machine one row with all.
PARTS = {
    "Word errors by cohort": (
        "speakers", "wer", "wer_gap", "wer_p", "wer_gap_less_none", "less_none_p",
    ),
    "Leakage by cohort": ("attack", "candidates", "auc", "auc_gap", "auc_p"),
}  # fmt: skip
KEYS = (*WHO, *sum(PARTS.values(), ()))
HEADERS = TITLES | {
    "wer_gap": "gap",
    "wer_p": "p",
    "wer_gap_less_none": "gap, minus that of none",
    "less_none_p": "p of that",
    "auc": "AUC",
    "auc_gap": "gap",
    "auc_p": "p",
}
FOOTER = """\
speakers         of the test that belong to the cohort; `candidates`: private utterances that do
WER %, AUC       of this cohort alone; an AUC of 0.5 is chance
gap              that, minus the same of all others: of word errors in points; above zero the cohort
                 has more errors, or leaks more
minus that of    the gap, minus the gap under plain training (none) on the same test speech: what
none             the scheme adds to it
p                how often chance alone makes a gap at least as large, corrected for all cohorts of
                 one target, scheme and epsilon (Holm), each column by itself; several schemes are
                 not corrected for each other
[low, high]      95 % interval, for each alone; a dash is not measured, never zero"""


def cohort_table(
    folders: Sequence[Path], form: Format, attack: str | None = None, *, seeds: bool = False
) -> str:
    """Return the figures of every cohort in the records of some folders, one row each.

    A cell of several seeds has one row a cohort, or with `seeds` one for each. `attack` ranks the
    candidates; without it the one that the suite's audit fixed.

    Raises:
        OverheardError: no record says who speaks.
    """
    rows = [row for folder in folders for row in _rows(folder, attack, seeds)]
    if not rows:
        raise OverheardError(
            f"{', '.join(map(str, folders))}: no record says which cohort a speaker belongs to: "
            "the corpus says none, or the records are from before it was kept (run to a new --out)"
        )
    several = any(len(row[SEEDS]) > 1 for row in rows)
    first = ("suite",) if len(folders) > 1 else ()
    if form in (Format.JSON, Format.CSV):
        return render(rows, (*first, *KEYS, SEEDS), HEADERS, "", form)
    who = keys_of((*first, *WHO), form, several)
    drawn = []
    for title, keys in PARTS.items():
        table = render(rows, (*who, *keys), HEADERS, "", form).rstrip()
        drawn.append(f"**{title}**\n\n{table}" if form is Format.MARKDOWN else f"{title}\n{table}")
    return "\n\n".join([*drawn, FOOTER] if form is Format.TEXT else drawn)


def _rows(folder: Path, attack: str | None, seeds: bool) -> list[Row]:
    records = sorted(read_records(folder), key=place)
    beside = Beside.of(records)
    cells = (each_seed if seeds else over_seeds)(records)
    return [row for cell in cells for row in _of_cell(cell, beside, attack)]


def _of_cell(cell: Repeated, beside: Beside, attack: str | None) -> list[Row]:
    return [
        {
            **identity(_first(cell)),
            "seed": cell.seeds[0] if len(cell.records) == 1 else None,
            SEEDS: cell.seeds,
            "attack": attack or attack_of(_first(cell)),
            **vars(found),
        }
        for found in cohort_figures(cell, beside, attack)
    ]


def _first(cell: Repeated) -> Record:
    return cell.measured[0] if cell.measured else cell.first
