from pathlib import Path

import pytest

from leaderboard.views.readme import PLACE, drawn

PAGES = [Path("README.md"), *sorted(Path("docs").glob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_tables_are_what_the_published_records_give(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert drawn(page) == page, f"run: .venv/bin/python -m leaderboard.views.readme {path}"


def test_the_readme_shows_the_table_of_a_real_run() -> None:
    page = Path("README.md").read_text(encoding="utf-8")
    places = [m["name"] for m in PLACE.finditer(page)]
    assert places[0] == "quick"
    first_screen = page[: page.index("**What it says.**")]
    for scheme in ("none", "dpsgd", "edpsgd", "pate-gnmax", "public", "start"):
        assert f"| {scheme} " in first_screen


def test_a_changed_table_is_noticed() -> None:
    page = Path("README.md").read_text(encoding="utf-8")
    forged = page.replace("| none ", "| nobody ", 1)
    assert forged != page
    assert drawn(forged) == page
