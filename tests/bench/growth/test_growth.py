"""`make bench`: reading, and an unchanged run, at many records; and the parts of `growth`."""

from __future__ import annotations

import importlib.util
import math
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leaderboard.experiment.plan import plan
from leaderboard.records import verified
from leaderboard.records.run_folder import read_history, read_records
from leaderboard.spec.load import load_suite
from leaderboard.views.table import Format, table
from tests.bench.growth import curves, records, utterances, workers
from tests.bench.growth.cost import Cost, cost_of, panels
from tests.bench.growth.curves import Growth, Panel, slope, slope_of_added
from tests.bench.growth.draw import draw
from tests.bench.growth.many_records import make_run

MOST = 5.0  # CPU seconds of an unchanged run of a thousand cells


def planned(run: Path) -> str:
    """Do what `overheard run` does where nothing has changed."""
    suite = load_suite(run / records.FILE)
    read = read_records(run, suite.conditions.digest)
    assert all(job.finished() for job in plan(suite, run, Path("data")))
    return table(run, Format.TEXT, records=read)


def test_an_unchanged_run(benchmark, tmp_path):
    count = make_run(tmp_path, 1000 if benchmark.enabled else 9)
    before = planned(tmp_path)
    verified.keep(tmp_path)
    benchmark.group = f"an unchanged run of {count:,} cells"
    assert benchmark.pedantic(planned, (tmp_path,)) == before
    assert len({stored.digest for stored in read_history(tmp_path)}) == count
    if benchmark.enabled:
        # On a machine as fast as where the goal was set, see `records`.
        assert benchmark.stats.stats.min < MOST * records.seconds_of_additions() / records.AS_FAST


@pytest.mark.parametrize("candidates", [5, 4000])
def test_records_have_as_many_candidates_as_wanted(tmp_path, candidates):
    make_run(tmp_path, 1, candidates)
    for record in read_records(tmp_path):
        assert len(record.coins) == candidates
        assert set(record.scores["membership"]) == set(record.coins)
        assert set(record.scores["canary"]) <= set(record.coins)
    assert "membership" in planned(tmp_path)


def test_a_slope_is_a_power():
    assert slope((1, 2, 8), (5.0, 6.0, 6.0 * 4**3)) == pytest.approx(3)
    assert slope((1, 2), (6.0, 3.0)) == pytest.approx(-1)
    assert math.isnan(slope((1, 2), (0.0, 3.0)))
    assert math.isnan(slope((1,), (3.0,)))


def test_a_slope_may_be_that_of_what_is_added():
    assert slope_of_added((10, 110, 1010), (5.0, 6.0, 15.0)) == pytest.approx(1)
    assert slope_of_added((10, 110, 1010), (5.0, 6.0, 105.0)) == pytest.approx(2)
    assert math.isnan(slope_of_added((10, 110, 1010), (5.0, 6.0, 4.0)))
    assert math.isnan(slope_of_added((10, 110), (5.0, 6.0)))


@pytest.mark.slow
def test_costs_are_those_of_the_process(tmp_path):
    began = time.monotonic()
    make_run(tmp_path / "run", 1)
    names = {"run": str(tmp_path / "run"), "page": str(tmp_path / "page")}
    found = records.cost_of_command(records.COMMANDS["table"], names)
    assert 0 < found.seconds < time.monotonic() - began + 1
    # What a process holds beyond what this one has, which starts it, is seen.
    here = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    large = cost_of("timeit", "-n", "1", "-r", "1", f"b'x' * {round(here + 200) * 10**6}")
    assert here + 100 < large.megabytes < here + 300
    with pytest.raises(subprocess.CalledProcessError):
        cost_of("leaderboard.cli", "table", str(tmp_path / "nowhere"))


def test_what_measures_stays_small():
    line = "import sys; from tests.bench.growth import __main__, records, utterances;"
    line += "print({'numpy', 'matplotlib'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", line], capture_output=True, check=True, text=True)
    assert said.stdout.strip() == "set()"


def growth_of(*factors: float) -> Growth:
    """Return one curve, linear at factors 1, 2, 3."""
    found = {"table": [Cost(2.0 * n, 3000 * n) for n in factors]}
    return Growth("records", (8, 16, 24), panels(found), slope_of_added)


def test_a_table_has_values_and_slopes():
    (row,) = curves.table(growth_of(1, 2, 3)).splitlines()[2:]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    of_seconds, of_memory = cells[1:5], cells[5:]
    assert of_seconds == ["2.0 s", "4.0 s", "6.0 s", "1.00"]
    assert of_memory == ["3,000 MB", "6,000 MB", "9,000 MB", "1.00"]
    assert "| -" in curves.table(growth_of(3, 2, 1)).splitlines()[-1]


def test_a_picture_is_small(tmp_path):
    many = {f"a curve with a long name {n}": [n + 1.0, n + 9.0, n + 88.0] for n in range(6)}
    quantities = [Panel("CPU time", "s", many), Panel("peak memory", "MB", many)]
    draw(Growth("records", (8, 16, 1000), quantities, slope), tmp_path / "a.png")
    written = (tmp_path / "a.png").read_bytes()
    assert written.startswith(b"\x89PNG")
    assert len(written) < 100_000


@pytest.mark.slow
def test_stages_cost_more_of_more_speech(tmp_path):
    found = utterances.measure(tmp_path, (8, 200))
    seconds, memory = (panel.curves for panel in found.panels)
    assert seconds["making speech"][1] > seconds["making speech"][0]
    assert all(megabytes > 20 for costs in memory.values() for megabytes in costs)
    assert list(seconds) == list(memory) == [*utterances.STAGES, utterances.PAGE]


@pytest.mark.slow
def test_two_processes_share_equal_jobs(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    of_jobs, of_start = workers.measure(tmp_path, (1, 2), jobs=4, seconds=1.0, products=100).panels
    alone, together = of_jobs.curves[workers.PROCESSES]
    assert list(of_jobs.curves) == list(of_start.curves) == [workers.PROCESSES, workers.COMPUTING]
    assert min(of_start.curves[workers.PROCESSES]) > 0
    assert alone > 4
    assert 2 < together < alone


@pytest.mark.slow
def test_so_do_two_of_ray(tmp_path):
    # In a process of its own, since Ray warns, and leaves threads behind.
    line = "import sys; from pathlib import Path; from tests.bench.growth import workers\n"
    line += "if __name__ == '__main__':\n"
    line += "    few = {'jobs': 2, 'seconds': 1.0, 'products': 9}\n"
    line += "    found = workers.measure(Path(sys.argv[1]), (2,), **few)\n"
    line += "    print(found.panels)"
    (tmp_path / "two.py").write_text(line)
    environment = {**os.environ, "PYTHONPATH": str(Path(workers.__file__).parents[3])}
    command = [sys.executable, str(tmp_path / "two.py"), str(tmp_path / "out")]
    said = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert workers.RAY in said.stdout
    assert len(list((tmp_path / "out" / f"{workers.RAY}2").glob("[01]"))) == 2
