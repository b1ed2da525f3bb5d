"""Draws the tables of pages from published records (`python -m leaderboard.views.readme PAGE`)."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path

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
}
PLACE = re.compile(
    rf"(<!-- (?P<kind>{'|'.join(DRAWN)}): (?P<name>[\w-]+) -->\n).*?(<!-- end of table -->)",
    re.DOTALL,
)


def published(name: str) -> Path:
    """Return the folder of the published records of a suite."""
    return Path(str(files("leaderboard") / "published" / name))


def drawn(page: str) -> str:
    """Return a Markdown page with every marked place filled from the records it names."""

    def fill(place: re.Match[str]) -> str:
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
