"""`make bench`: reading, and an unchanged run, at many records."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from leaderboard.experiment.plan import plan
from leaderboard.records import verified
from leaderboard.records.run_folder import read_history, read_records
from leaderboard.spec.load import load_suite
from leaderboard.views.table import Format, table
from tests.bench import growth
from tests.bench.growth import COMMANDS, Cost, cost_of, slope
from tests.bench.many_records import FILE, make_run

MOST = 5.0  # CPU seconds of an unchanged run of a thousand cells


def planned(run: Path) -> str:
    """Do what `overheard run` does where nothing has changed."""
    suite = load_suite(run / FILE)
    records = read_records(run, suite.conditions.digest)
    assert all(job.finished() for job in plan(suite, run, Path("data")))
    return table(run, Format.TEXT, records=records)


def test_an_unchanged_run(benchmark, tmp_path):
    count = make_run(tmp_path, 1000 if benchmark.enabled else 9)
    before = planned(tmp_path)
    verified.keep(tmp_path)
    benchmark.group = f"an unchanged run of {count:,} cells"
    assert benchmark.pedantic(planned, (tmp_path,)) == before
    assert len({stored.digest for stored in read_history(tmp_path)}) == count
    if benchmark.enabled:
        # On a machine as fast as where the goal was set, see `growth`.
        assert benchmark.stats.stats.min < MOST * growth.seconds_of_additions() / growth.AS_FAST


def test_a_slope_is_that_of_what_is_added():
    assert slope((10, 110, 1010), (5.0, 6.0, 15.0)) == pytest.approx(1)
    assert slope((10, 110, 1010), (5.0, 6.0, 105.0)) == pytest.approx(2)


def test_costs_are_those_of_the_process(tmp_path):
    began = time.monotonic()
    make_run(tmp_path / "run", 1)
    names = {"run": str(tmp_path / "run"), "page": str(tmp_path / "page")}
    found = cost_of([part.format_map(names) for part in COMMANDS["table"]])
    assert 0 < found.seconds < time.monotonic() - began + 1
    assert 20 < found.megabytes < 2000
    with pytest.raises(subprocess.CalledProcessError):
        cost_of(["table", str(tmp_path / "nowhere")])
    more = [Cost(found.seconds * n, found.megabytes * n) for n in (1, 2, 3)]
    (row,) = growth.table((8, 16, 24), {"table": more}).splitlines()[2:]
    assert row.count("1.00") == 2
