from pathlib import Path

import pytest

from leaderboard.manual.tables import PLACE, drawn, published, work_table
from leaderboard.records.run_folder import write_record
from tests.leaderboard.figures.test_work import TINY, of_tiny

PAGES = [Path("README.md"), *sorted(Path("docs").glob("*.md"))]


@pytest.mark.parametrize(
    "path",
    [PAGES[0], *(pytest.param(path, marks=pytest.mark.slow) for path in PAGES[1:])],
    ids=str,
)
def test_tables_are_what_the_published_records_give(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert drawn(page) == page, f"run: .venv/bin/python -m leaderboard.manual.tables {path}"


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


def test_a_row_for_each_folder_and_their_sum(tmp_path):
    for name in ("one", "two"):
        for one in of_tiny(0, seconds={"training": 3600.0}):
            write_record(one, tmp_path / name)
    *_, first, second, total = work_table(tmp_path).splitlines()
    count = len(TINY.cells())
    for line in (first, second):
        assert f"| {count} " in line
        assert f"{count}.00" in line
        assert "`overheard run --suite tiny --out DIR`" in line
    assert f"| {2 * count} " in total
    assert f"{2 * count}.00" in total


def test_its_place_on_a_page_is_filled():
    page = drawn("<!-- work -->\nold\n<!-- end of table -->")
    assert "old" not in page
    assert all(f"| {folder.name} " in page for folder in published().iterdir())
