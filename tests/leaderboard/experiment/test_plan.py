"""What a run would do: told from files alone, at once, and with what it rests on."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from leaderboard.commands.plan import plan as plan_command
from leaderboard.experiment import durations
from leaderboard.experiment.durations import (
    Memory,
    duration_of_cell,
    duration_of_stage,
    elapsed,
    memories,
)
from leaderboard.experiment.panel.cells import (
    judge_marker,
    panel_cells,
    panel_key,
    panel_shows,
)
from leaderboard.experiment.pending import pending
from leaderboard.experiment.plan import plan
from leaderboard.records.run_folder import record_failure, write_record
from leaderboard.spec.load import parse_suite
from leaderboard.spec.paths import start_file, weights_file
from targets.core.errors import OverheardError
from tests.leaderboard.records.test_record import record
from tests.leaderboard.spec.test_suite import SMALL

ROOT = Path(__file__).parents[3]
SUITE = parse_suite("small.toml", SMALL)
SECONDS = {"speech": 1, "training": 60, "transcribing": 5, "membership": 4, "canary": 10}
MOST_SECONDS = 3.0  # of a run that has nothing to do


def filled(out: Path, suite=SUITE, *, weights: bool = True) -> Path:
    for cell in suite.cells():
        write_record(record(cell, seconds=SECONDS | {"inversion": 20}), out)
        if weights:
            weights_file(out, cell).parent.mkdir(exist_ok=True)
            weights_file(out, cell).touch()
    judge = judge_marker(out, suite.conditions)
    judge.parent.mkdir(exist_ok=True)
    judge.touch()
    return out


def todo(suite, out: Path) -> list[str]:
    return [job.id for job in plan(suite, out, out) if not job.finished()]


def edited(old: str, new: str):
    assert old in SMALL
    return parse_suite("small.toml", SMALL.replace(old, new, 1))


def test_everything_is_to_do_in_a_new_folder(tmp_path):
    cells = [cell.id for cell in SUITE.cells()]
    jobs = {job.id: job for job in plan(SUITE, tmp_path, tmp_path)}
    start, votes, judge, *others = jobs
    assert (start, judge) == ("start-rnnt", "judge")
    assert votes.startswith("teacher-votes-rnnt-seed0-")
    assert jobs[judge].needs == ()  # of real speech there is nothing to make before
    assert [name for name in others if name != "spectrograms"] == cells
    for cell in cells:
        shared = (votes,) if "pate" in cell else ()
        assert jobs[cell].needs == (start, *shared)
    # The panel stands after the cells that it shows, and before the rest.
    before = {judge, *others[: others.index("spectrograms")]}
    assert before == set(jobs["spectrograms"].needs)
    assert todo(SUITE, tmp_path) == list(jobs)


def test_one_vote_serves_all_schemes_with_the_same_teachers(tmp_path):
    shared, own = "epsilon = [4]", "epsilon = [4]\noptions = {teachers = 7}"
    for lines, expected in ((shared, 1), (own, 2)):
        scheme = f'[[schemes]]\nname = "pate-lnmax"\n{lines}\n\n[[attacks]]'
        suite = parse_suite("small.toml", SMALL.replace("[[attacks]]", scheme, 1))
        jobs = [job.id for job in plan(suite, tmp_path, tmp_path)]
        assert len([name for name in jobs if name.startswith("teacher-votes-")]) == expected


def test_only_what_changed_is_to_do(tmp_path):
    filled(tmp_path)
    assert todo(SUITE, tmp_path) == ["start-rnnt", "spectrograms"]
    start = start_file(tmp_path, SUITE.conditions, "rnnt", tmp_path)
    start.parent.mkdir()
    start.touch()
    assert todo(SUITE, tmp_path) == ["spectrograms"]

    longer = edited('name = "dpsgd"', 'name = "dpsgd"\noptions = {epochs = 3}')
    changed = ["rnnt-dpsgd-eps1-seed0", "rnnt-dpsgd-eps10-seed0"]
    assert todo(longer, tmp_path) == [*changed, "spectrograms"]

    attacked = edited('name = "inversion"', 'name = "inversion"\noptions = {steps = 2}')
    assert set(todo(attacked, tmp_path)) == {*(c.id for c in SUITE.cells()), "spectrograms"}
    assert all(pending(tmp_path, c, {}).attacks == ("inversion",) for c in attacked.cells())

    record_failure(SUITE.cells()[0], tmp_path, "no memory")
    assert todo(SUITE, tmp_path) == ["rnnt-none-seed0", "spectrograms"]


def test_records_without_weights_are_finished_and_no_panel_can_be_drawn(tmp_path):
    filled(tmp_path, weights=False)
    assert todo(SUITE, tmp_path) == []
    attacked = edited('name = "inversion"', 'name = "inversion"\noptions = {steps = 2}')
    assert pending(tmp_path, attacked.cells()[0], {}).trained is None


def test_a_panel_is_stale_when_its_models_or_their_inversion_change(tmp_path):
    from matplotlib.figure import Figure

    key = panel_key(panel_cells(SUITE))
    assert not panel_shows(tmp_path, key)
    (tmp_path / "spectrograms.png").write_text("no picture")
    assert not panel_shows(tmp_path, key)
    Figure().savefig(tmp_path / "spectrograms.png", metadata={"overheard": key})
    assert panel_shows(tmp_path, key)
    for old, new in [
        ('name = "inversion"', 'name = "inversion"\noptions = {steps = 2}'),
        ('name = "dpsgd"', 'name = "dpsgd"\noptions = {epochs = 3}'),
        ("epochs = 1", "epochs = 2"),
    ]:
        assert not panel_shows(tmp_path, panel_key(panel_cells(edited(old, new))))
    other = edited('name = "membership"', 'name = "membership-calibrated"')
    assert panel_shows(tmp_path, panel_key(panel_cells(other)))


def test_a_wrong_option_is_refused_before_anything_runs(tmp_path):
    wrong = edited('name = "dpsgd"', 'name = "dpsgd"\noptions = {epoch = 3}')
    with pytest.raises(OverheardError, match=r"scheme 'dpsgd': options: .*epoch"):
        plan(wrong, tmp_path, tmp_path)


def test_a_run_with_nothing_to_do_ends_at_once_and_imports_no_torch(tmp_path):
    (tmp_path / "small.toml").write_text(SMALL)
    filled(tmp_path / "out", weights=False)
    code = (
        "import sys\nfrom leaderboard import cli\n"
        "sys.argv = 'overheard run --suite small.toml --out out --data .'.split()\n"
        "try:\n    cli.main()\n"
        "finally:\n    assert not {'torch', 'scipy', 'matplotlib'} & set(sys.modules)\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("utterance") == 5
    # Of the processor, not of the wall, whose clock also runs while others work.
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < MOST_SECONDS


def test_the_command_tells_what_is_there_and_how_long_the_rest_takes(tmp_path, capsys, monkeypatch):
    # It asks four times of the same records.
    monkeypatch.setattr(durations, "read_records", cache(durations.read_records))
    out = filled(tmp_path / "out")
    path = tmp_path / "small.toml"
    path.write_text(SMALL.replace("epsilon = [1, 10]", "epsilon = [1, 10, 100]", 1))

    def told(**options):
        plan_command(suite=str(path), out=out, data=tmp_path, workers=2, **options)
        return capsys.readouterr().out

    content = json.loads(told(as_json=True))
    lines = {line["job"]: line for line in content["jobs"]}
    assert lines["rnnt-none-seed0"]["state"] == "there"
    new = lines["rnnt-dpsgd-eps100-seed0"]
    assert (new["state"], new["seconds"]) == ("to run", 100)
    assert new["basis"] == "2 records of this folder"
    assert lines["spectrograms"]["seconds"] is None
    assert content["work_seconds"] == pytest.approx(100 + lines["start-rnnt"]["seconds"])

    text = told(as_json=False)
    assert "about 2 min" in text
    assert "not counted: spectrograms" in text

    path.write_text(SMALL.replace('name = "inversion"', 'name = "inversion"\noptions = {steps=2}'))
    lines = {line["job"]: line for line in json.loads(told(as_json=True))["jobs"]}
    assert lines["rnnt-none-seed0"]["state"] == "to attack"
    assert lines["rnnt-none-seed0"]["attacks"] == ["inversion"]
    assert lines["rnnt-none-seed0"]["seconds"] == 20

    path.write_text(SMALL.replace("learning_rate = 2e-3", "learning_rate = 3e-3"))
    with pytest.raises(OverheardError, match="made under other conditions"):
        told(as_json=False)


def test_nothing_to_do_is_said(tmp_path, capsys):
    (tmp_path / "small.toml").write_text(SMALL)
    out = filled(tmp_path / "out", weights=False)
    plan_command(suite=str(tmp_path / "small.toml"), out=out, data=tmp_path, as_json=False)
    assert "nothing to do: all 5 jobs are there" in capsys.readouterr().out


def test_time_is_scaled_by_what_is_known_of_the_work(tmp_path):
    embedded = 'source = "embedded"\nspeakers = 2\nutterances = {}'

    def suite(utterances: int, epochs: int):
        real = 'source = "an4"\nsplit = "train"'
        text = SMALL.replace(real, embedded.format(utterances))
        text = text.replace("count = 4", "count = 0").replace('[[attacks]]\nname = "canary"', "")
        return parse_suite("s.toml", text.replace("\nepochs = 1", f"\nepochs = {epochs}"))

    done = suite(100, 2).cells()[0]
    known = [Memory(record(done, seconds=SECONDS | {"inversion": 20}), "there", False)]
    cell = suite(300, 4).cells()[0]
    left = pending(tmp_path, cell, {})
    duration = duration_of_cell(cell, left, known)
    assert duration.seconds == pytest.approx(6 * 60 + 3 * (1 + 5 + 4 + 20))
    assert duration.basis == "1 record of there, scaled"
    assert duration_of_cell(cell, left, []).seconds is None

    # 16 transcribed utterances, once, beside one member, twice.
    start = SimpleNamespace(kind="start")
    assert duration_of_stage(start, cell, known).seconds == pytest.approx(16 / 2 * 60)
    assert duration_of_stage(start, cell, []).seconds is None


def test_the_most_alike_records_tell(tmp_path):
    cells = SUITE.cells()
    known = [
        Memory(record(cell, seconds=dict.fromkeys(SECONDS | {"inversion": 0}, 10.0**n)), "x", True)
        for n, cell in enumerate(cells[:3])
    ]
    left = pending(tmp_path, cells[2], {})
    assert duration_of_cell(cells[2], left, known).seconds == pytest.approx(6 * (10 + 100) / 2)
    assert duration_of_cell(cells[0], left, known).seconds == pytest.approx(6)


def test_the_published_records_are_a_basis_everywhere(tmp_path):
    assert {memory.place for memory in memories(tmp_path)} >= {"published quick", "published an4"}


@pytest.mark.parametrize(
    ("workers", "lasting"),
    [(1, 10), (2, 7), (3, 7)],
)
def test_workers_wait_for_what_their_jobs_need(workers, lasting):
    jobs = [("a", 3.0, ()), ("b", 4.0, ("a",)), ("c", 2.0, ()), ("d", 1.0, ("c",))]
    assert elapsed(jobs, workers) == lasting


def test_no_jobs_take_no_time():
    assert elapsed([], 2) == 0
