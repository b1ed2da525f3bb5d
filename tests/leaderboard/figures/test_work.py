"""What records took, and the commands that make them again."""

from __future__ import annotations

import pytest

from leaderboard.figures.work import hours_of, remake
from leaderboard.manual.tables import published
from leaderboard.records.record import Code
from leaderboard.records.run_folder import read_records
from leaderboard.spec.load import load_suite
from tests.leaderboard.records.test_mechanism_audit import audit
from tests.leaderboard.views.test_table import record

SUITES = sorted(path.name for path in published().iterdir() if path.is_dir())
TINY = load_suite("tiny")


@pytest.mark.parametrize("name", SUITES)
def test_a_published_suite_has_a_command_or_the_commit_that_has_it(name):
    records = read_records(published(name))
    again = remake(records, name)
    assert f"--suite {name} " in again.command
    made = {cell.id: cell for cell in again.cells}
    # A suite may have been called otherwise.
    cells = [one.cell.model_copy(update={"suite": name}) for one in records]
    assert bool(again.commits) == any(made.get(cell.id) != cell for cell in cells)
    assert not {"None", "null"} & set(again.commits)
    assert ("--data FOLDER" in again.command) == bool(again.folders)


def of_tiny(*seeds, **changes):
    cells = TINY.model_copy(update={"seeds": seeds}).cells()
    base = record("rnnt-dpsgd-eps10-seed0", 9.98, 0.55, 0.4, **changes)
    return [base.model_copy(update={"cell": cell}) for cell in cells]


def test_the_suites_own_seeds_are_not_repeated():
    own = remake(of_tiny(0), "tiny")
    assert own.command == "overheard run --suite tiny --out DIR"
    assert len(own.cells) == len(TINY.cells())
    assert remake(of_tiny(0)[:1], "tiny").cells == own.cells
    more = remake(of_tiny(0, 4, 2), "tiny")
    assert more.command == "overheard run --suite tiny --seed 0 --seed 2 --seed 4 --out DIR"
    assert len(more.cells) == 3 * len(TINY.cells())


def test_a_suite_that_has_changed_is_that_of_a_commit():
    changed = TINY.model_copy(update={"tokens": "subwords"}).cells()[0]
    code = Code(commit="0123456789abcdef", dirty=False)
    (first, *rest) = of_tiny(0, code=code)
    again = remake([first.model_copy(update={"cell": changed}), *rest], "tiny")
    assert again.command == "overheard run --suite tiny --out DIR"
    assert (again.cells, again.commits) == ((), ("01234567",))


def test_what_rows_share_counts_once():
    rows = of_tiny(0, 1, seconds={"training": 1800.0, "poll": 3600.0})
    targets = len(TINY.targets)
    assert hours_of(rows) == pytest.approx(0.5 * len(rows) + 2 * targets)
    assert hours_of(rows, [audit(seconds=7200.0)]) == pytest.approx(hours_of(rows) + 2)
