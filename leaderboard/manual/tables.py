"""Draws the tables of pages from published records (`python -m leaderboard.manual.tables PAGE`)."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path

from tabulate import tabulate

from leaderboard.cohorts.table import cohort_table
from leaderboard.figures.work import hours_of, remake
from leaderboard.records.mechanism_audit import read_audits
from leaderboard.records.run_folder import read_records
from leaderboard.views.attack_table import attack_table
from leaderboard.views.compare import compare, correlation_table
from leaderboard.views.controls import controls_table
from leaderboard.views.repetition_table import repetition_table
from leaderboard.views.table import Format, table
from targets.core.files import whole_file

DRAWN = {
    "table": table,
    "attacks": attack_table,
    "compare": lambda folder, form: compare([folder], form),
    "controls": controls_table,
    "repetitions": repetition_table,
    "correlations": lambda folder, form: correlation_table([folder], form),
    "cohorts": lambda folder, form: cohort_table([folder], form),
}
OF_ALL = "work"  # the kind of table that is of all published records together
OF_WORK = ("suite", "records", "seeds", "hours", "command", "cells", "in FOLDER")
PLACE = re.compile(
    rf"(<!-- (?:{OF_ALL}|(?P<kind>{'|'.join(DRAWN)}): (?P<name>[\w-]+)) -->\n)"
    r".*?(<!-- end of table -->)",
    re.DOTALL,
)


def published(name: str = "") -> Path:
    """Return the folder of the published records of a suite, or the one that holds them all."""
    return Path(str(files("leaderboard") / "published" / name))


def work_table(home: Path) -> str:
    """Return a Markdown table of what the records took and how they are made again.

    It has a row for each folder of records below `home`, and one for their sum.
    """
    rows: list[tuple[object, ...]] = []
    total, count = 0.0, 0
    for folder in sorted(path for path in home.iterdir() if path.is_dir()):
        records = read_records(folder)
        again, hours = remake(records, folder.name), hours_of(records, read_audits(folder))
        commits = " or ".join(f"`{commit}`" for commit in again.commits)
        rows.append(
            (
                folder.name,
                len(records),
                ", ".join(map(str, sorted({record.cell.seed for record in records}))),
                f"{hours:.2f}",
                f"`{again.command}`" + (f" at commit {commits}" if commits else ""),
                len(again.cells) or "-",
                ", ".join(f"`{name}`" for name in again.folders) or "-",
            )
        )
        total, count = total + hours, count + len(records)
    rows.append(("all", count, "", f"{total:.2f}", "", "", ""))
    return tabulate(rows, OF_WORK, tablefmt="github", disable_numparse=True, stralign="left")


def drawn(page: str) -> str:
    """Return a Markdown page with every marked place filled from the records it names."""

    def fill(place: re.Match[str]) -> str:
        if place["kind"] is None:
            content = work_table(published())
        else:
            content = DRAWN[place["kind"]](published(place["name"]), Format.MARKDOWN)
        return f"{place[1]}\n{content}\n\n{place[4]}"

    return PLACE.sub(fill, page)


def main(path: Path) -> None:
    """Redraw a page in place."""
    page = drawn(path.read_text(encoding="utf-8"))
    with whole_file(path) as aside:
        aside.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        main(Path(argument))
