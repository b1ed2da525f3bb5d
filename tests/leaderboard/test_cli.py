"""The command line: one line for a mistake, the same table after a kill, a quick start."""

from __future__ import annotations

import io
import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import typer
from rich.console import Console

from defenses.accounting.guarantee import Guarantee
from leaderboard import cli
from leaderboard.commands.run import FAILED
from leaderboard.experiment.pending import finished
from leaderboard.jobs.job import Job, Outcome, Report
from leaderboard.jobs.progress import Bars, remaining_seconds, spoken
from leaderboard.records.record import Record
from leaderboard.records.run_folder import record_failure, write_record
from leaderboard.spec.cell import Cell
from leaderboard.spec.suite import Suite
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from tests.leaderboard.spec.test_suite import SMALL

ROOT = Path(__file__).parents[2]


def pretend(cell: Cell, out: Path, report: Report) -> None:
    """Stand in for the work of a cell: figures from the cell's digest, after a while."""
    report(0.5)
    time.sleep(0.15)
    if cell.options.get("fails"):
        raise OverheardError("the loss is NaN")
    value = int(cell.digest[:4], 16) / 0xFFFF
    write_record(
        Record(
            cell=cell,
            status="ok",
            guarantee=Guarantee(
                epsilon=cell.epsilon or math.inf,
                delta=1e-3,
                unit="utterance",
                relation="add-or-remove-one",
                accountant="none",
                basis="none",
            ),
            wer=Estimate(value, value / 2, 2 * value, 0.95, "pretended"),
        ),
        out,
    )


def plan(suite: Suite, out: Path, data: Path, device: str) -> list[Job]:  # noqa: ARG001
    """Stand in for `leaderboard.experiment.plan.plan`."""
    if not data.is_dir():
        raise suite.mistake("speech.private.source", f"no folder {data}")
    return [
        Job(
            cell.id,
            pretend,
            (cell, out),
            partial(finished, out, cell, {}),
            on_failure=partial(record_failure, cell, out),
        )
        for cell in suite.cells()
    ]


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    for name in ("OVERHEARD_DATA", "OVERHEARD_DEBUG", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def overheard(monkeypatch, capsys, tmp_path):
    """Return a function that runs the command line here: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("leaderboard.commands.run.plan", plan)
    monkeypatch.setattr("leaderboard.commands.run.check_speech", lambda *_: None)
    (tmp_path / "data" / "an4").mkdir(parents=True)
    (tmp_path / "small.toml").write_text(SMALL)

    def overheard(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["overheard", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        output, errors = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), output, errors

    return overheard


def test_a_run_ends_with_the_table_and_a_second_one_keeps_it(overheard, tmp_path):
    words = ("run", "--suite", "small.toml", "--data", "data", "--workers", "1")
    code, output, errors = overheard(*words)
    assert code == 0
    assert output.count("utterance ") == 5
    lines = errors.splitlines()
    assert len([line for line in lines if " done in " in line]) == 5
    assert lines[-1] == f"records: {Path('runs/small/records')}"
    assert len(list((tmp_path / "runs/small/records").glob("*.json"))) == 5

    code, again, errors = overheard(*words)
    assert (code, again) == (0, output)
    assert "done in" not in errors

    for form in ("text", "csv", "json", "latex", "markdown"):
        code, _, errors = overheard("table", "runs/small", "--format", form)
        assert (code, errors) == (0, "")
    assert len(json.loads(overheard("table", "runs/small", "--format", "json")[1])) == 5
    assert "permutation test" in overheard("compare", "runs/small")[1]


def test_a_failed_cell_is_shown_and_ends_in_a_nonzero_code(overheard, tmp_path):
    broken = SMALL.replace('name = "dpsgd"', 'name = "dpsgd"\noptions = {fails = true}')
    (tmp_path / "small.toml").write_text(broken)
    words = ("run", "--suite", "small.toml", "--data", "data", "--out", "o", "--workers", "1")
    for attempt in (1, 2):
        code, output, errors = overheard(*words)
        assert code == FAILED
        assert output.count("failed\n") == 2
        assert "overheard: rnnt-dpsgd-eps1-seed0 failed: the loss is NaN (see " in errors
        assert len(list((tmp_path / "o/records").glob("*.json"))) == 3 + 2 * attempt


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run --suite tinny", "overheard: tinny: no such suite"),
        ("run --suite broken.toml", "overheard: broken.toml: seedz: unknown key"),
        ("run --suite small.toml --data nowhere", "overheard: nowhere/an4: no such corpus;"),
        ("run --suite small.toml --data data --out data.txt", "overheard: data.txt: File exists"),
        ("table nowhere", "overheard: nowhere: no such folder"),
        ("table data", "overheard: data: holds no records"),
        ("compare corrupt", "overheard: corrupt/x.json: no record, not JSON"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_two(overheard, tmp_path, words, message):
    (tmp_path / "broken.toml").write_text(SMALL.replace("seeds =", "seeds = [1]\nseedz ="))
    (tmp_path / "data.txt").touch()
    (tmp_path / "corrupt").mkdir()
    (tmp_path / "corrupt" / "x.json").write_text("{")
    code, output, errors = overheard(*words.split())
    assert (code, output) == (cli.MISTAKE, "")
    assert errors.startswith(message)
    assert len(errors.splitlines()) == 1


def test_records_of_another_suite_stop_a_run_before_it_starts(overheard, tmp_path):
    words = ("run", "--suite", "small.toml", "--data", "data", "--workers", "1")
    overheard(*words)
    (tmp_path / "small.toml").write_text(SMALL.replace("epochs = 1", "epochs = 2"))
    code, _, errors = overheard(*words)
    assert code == cli.MISTAKE
    assert "made under other conditions" in errors
    assert len(list((tmp_path / "runs/small/records").glob("*.json"))) == 5


def test_a_fault_of_ours_is_one_line_too(overheard, monkeypatch):
    def plan(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr("leaderboard.commands.run.plan", plan)
    words = ("run", "--suite", "small.toml", "--data", "data")
    code, _, errors = overheard(*words)
    assert code == cli.MISTAKE
    assert errors.startswith("overheard: KeyError: 'oops' (a fault of overheard itself;")
    monkeypatch.setenv("OVERHEARD_DEBUG", "1")
    with pytest.raises(KeyError):
        overheard(*words)


def test_a_command_with_a_module_of_its_own_gets_its_words_untouched(overheard, monkeypatch):
    class Module:
        @staticmethod
        def audit(path: Path, level: float = typer.Option(0.95)) -> None:
            """Audit a file."""
            typer.echo(f"{path} {level}")

    monkeypatch.setitem(sys.modules, "leaderboard.commands.audits.scores", Module)
    assert overheard("audit", "a.npz", "--level", "0.9")[:2] == (0, "a.npz 0.9\n")
    code, output, _ = overheard("audit", "--help")
    assert code == 0
    assert "Audit a file." in output
    assert overheard("audit", "--nonsense")[0] == 2


def test_version_and_help(overheard):
    code, output, _ = overheard("--version")
    assert code == 0
    assert output.startswith("overheard 0.")
    code, output, _ = overheard("--help")
    assert code == 0
    for command in ("run", "table", "compare", "corpus", "audit", "coverage"):
        assert f" {command} " in output


SCRIPT = """
import sys
import leaderboard.cli
import leaderboard.commands.run
import tests.leaderboard.test_cli
leaderboard.commands.run.plan = tests.leaderboard.test_cli.plan
leaderboard.commands.run.check_speech = lambda *_: None
if __name__ == "__main__":
    leaderboard.cli.main()
"""


@pytest.mark.slow
def test_killed_in_the_middle_the_same_command_ends_with_the_same_table(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "an4").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "script.py", "run", "--suite", "small.toml", "--data", "."]

    def start(out: str) -> subprocess.Popen:
        return subprocess.Popen(
            [*command, "--workers", "1", "--out", out],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    undisturbed, errors = start("whole").communicate(timeout=300)
    assert undisturbed.count("utterance ") == 5, errors

    kills = 0
    while True:
        process = start("broken")
        found = len(list((tmp_path / "broken").glob("records/*.json")))
        while process.poll() is None:
            now = list((tmp_path / "broken").glob("records/*.json"))
            if kills < 1 and len(now) >= found + 2:
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.01)
        resumed, errors = process.communicate(timeout=300)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors
    assert kills == 1
    assert resumed == undisturbed
    assert errors.count(" done in ") < 5
    assert len(list((tmp_path / "broken").glob("records/*.json"))) == 5


def test_ctrl_c_says_how_to_go_on(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "an4").mkdir()
    process = subprocess.Popen(
        [sys.executable, "script.py", "run", "--suite", "small.toml", "--data", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        # Whoever starts the tests in the background hands down that it is ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    while not list(tmp_path.glob("runs/small/records/*.json")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == cli.STOPPED
    last = errors.splitlines()[-1]
    assert last.startswith("overheard: stopped with ")
    assert last.endswith("the same command goes on from there")


def test_bars_follow_jobs_and_tell_the_time_that_remains():
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    jobs = [Job(name, print, (), bool, weight=w) for name, w in (("a", 1.0), ("b", 3.0))]
    with Bars(screen) as bars:
        bars.start(jobs)
        bars.begin(jobs[0])
        bars.update(jobs[0], 0.5)
        bars.end(jobs[0], Outcome("a", "done", seconds=2))
        bars.end(jobs[1], Outcome("b", "blocked", "needs [a]"))
    shown = screen.file.getvalue()
    assert "a done in 2 s" in shown
    assert "b blocked: needs [a]" in shown
    assert " left" in shown
    with Bars(screen) as bars:
        bars.start([])


def test_the_time_that_remains():
    assert remaining_seconds(10, 1, 4) == 30
    assert remaining_seconds(10, 0, 4) is None
    assert remaining_seconds(10, 4, 4) == 0
    assert [spoken(s) for s in (None, 0, 89, 240, 7200)] == [
        "a while",
        "about 1 s",
        "about 89 s",
        "about 4 min",
        "about 2.0 h",
    ]


def test_a_pipe_that_closes_early_is_no_error(overheard, tmp_path):
    overheard("run", "--suite", "small.toml", "--data", "data", "--workers", "1")
    # `true` never reads.
    done = subprocess.run(
        f"sleep 0.1; {sys.executable} -m leaderboard.cli table runs/small --format csv | true",
        shell=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


def test_the_table_starts_fast(tmp_path):
    """In processor time, which other work on the machine hardly moves."""
    best = 9.0
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "leaderboard.cli", "table", str(tmp_path)],
            capture_output=True,
            cwd=ROOT,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert best < 1.0
