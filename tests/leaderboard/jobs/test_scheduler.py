"""The runner: order, failure, death, resumption."""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from leaderboard.jobs.job import Job, JobError, Named, Report, Silent
from leaderboard.jobs.processes import Processes
from leaderboard.jobs.scheduler import InterruptedRunError, run
from targets.core.errors import OverheardError
from targets.core.files import PARTIAL, whole_file

ROOT = Path(__file__).parents[3]


def write(path: Path, text: str, report: Report) -> None:
    report(0.5)
    with whole_file(path) as partial:
        partial.write_text(text)


def join(path: Path, parts: list[Path], report: Report) -> None:  # noqa: ARG001
    with whole_file(path) as partial:
        partial.write_text("".join(part.read_text() for part in parts))


def fail(message: str, report: Report) -> None:  # noqa: ARG001
    print("said before failing")
    raise OverheardError(message)


def die(number: int, report: Report) -> None:  # noqa: ARG001
    os.kill(os.getpid(), number)


def leave(code: int, report: Report) -> None:  # noqa: ARG001
    sys.exit(code)


def nothing(report: Report) -> None:
    pass


def die_leaving_a_child(note: Path, report: Report) -> None:  # noqa: ARG001
    child = subprocess.Popen(["sleep", "60"])
    note.write_text(str(child.pid))
    os.kill(os.getpid(), signal.SIGKILL)


def draw(path: Path, report: Report) -> None:  # noqa: ARG001
    with whole_file(path) as partial:
        partial.write_text(f"{random.random()} {np.random.random()}")  # noqa: NPY002


def settings(path: Path, report: Report) -> None:  # noqa: ARG001
    import torch

    path.write_text(f"{os.environ['OMP_NUM_THREADS']} {torch.get_num_threads()}")


def slow(path: Path, started: Path, report: Report) -> None:  # noqa: ARG001
    started.write_text(str(os.getpid()))
    with whole_file(path) as partial:
        partial.write_text("half")
        time.sleep(float(os.environ.get("SECONDS_A_JOB", "0.7")))
        partial.write_text(f"{random.random()}")


def job(name: str, folder: Path, text: str = "x", needs: tuple[str, ...] = ()) -> Job:
    path = folder / name
    return Job(name, write, (path, text), path.exists, needs)


class Watch(Silent):
    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.seen: list[tuple[str, object]] = []

    def start(self, jobs):
        self.waiting = [job.id for job in jobs]

    def update(self, job, fraction):
        self.seen.append((job.id, fraction))

    def end(self, job, outcome):
        self.seen.append((job.id, outcome.status))


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def wait_until(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_job_runs_after_those_it_needs_and_is_kept_the_second_time(tmp_path):
    a, b, c = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    jobs = [
        job("a", tmp_path, "A"),
        job("b", tmp_path, "B"),
        Job("c", join, (c, [a, b]), c.exists, ("a", "b")),
    ]
    watch = Watch()
    outcomes = run(jobs, tmp_path, workers=2, progress=watch)
    assert [o.status for o in outcomes.values()] == ["done"] * 3
    assert c.read_text() == "AB"
    assert ("a", 0.5) in watch.seen
    assert watch.seen[-1] == ("c", "done")

    c.unlink()
    again = run(jobs, tmp_path, progress=watch)
    assert {name: o.status for name, o in again.items()} == {"a": "kept", "b": "kept", "c": "done"}
    assert watch.waiting == ["c"]


def test_a_failure_is_told_and_blocks_only_what_needs_it(tmp_path):
    told = []
    jobs = [
        Job("bad", fail, ("two\nlines",), (tmp_path / "bad").exists, on_failure=told.append),
        Job("next", nothing, (), (tmp_path / "next").exists, ("bad",), on_failure=told.append),
        Job("last", nothing, (), (tmp_path / "last").exists, ("next",)),
        job("good", tmp_path),
    ]
    outcomes = run(jobs, tmp_path)
    assert {name: o.status for name, o in outcomes.items()} == {
        "bad": "failed",
        "next": "blocked",
        "last": "blocked",
        "good": "done",
    }
    assert told == ["two lines", "needs bad, which failed: two lines"]
    log = (tmp_path / "logs" / "bad.log").read_text()
    assert "said before failing" in log
    assert "Traceback" in log
    assert not (tmp_path / "logs" / "good.log").exists()


def test_a_dead_or_idle_worker_is_a_failed_job_and_the_rest_goes_on(tmp_path):
    never = (tmp_path / "never").exists
    note = tmp_path / "child"
    jobs = [
        Job("killed", die_leaving_a_child, (note,), never),
        Job("segfault", die, (int(signal.SIGSEGV),), never),
        Job("exit", leave, (3,), never),
        Job("empty", nothing, (), never),
        Job("unpicklable", lambda report: report, (), never),
        job("good", tmp_path),
    ]
    outcomes = run(jobs, tmp_path)
    reasons = {name: o.reason for name, o in outcomes.items()}
    assert "signal 9" in reasons["killed"]
    assert "SIGSEGV" in reasons["segfault"]
    assert "exit code 3" in reasons["exit"]
    assert reasons["empty"] == "ended without leaving its result"
    assert "cannot be sent" in reasons["unpicklable"]
    assert outcomes["good"].status == "done"
    wait_until(lambda: not alive(int(note.read_text())))


def test_global_generators_start_alike_whatever_ran_before(tmp_path):
    def drawn(folder, names):
        jobs = [Job(n, draw, (folder / n,), (folder / n).exists) for n in names]
        run(jobs, folder)
        return {n: (folder / n).read_text() for n in names}

    one = drawn(tmp_path / "one", ["a", "b"])
    other = drawn(tmp_path / "other", ["b", "a"])
    assert one == other
    assert one["a"] != one["b"]


def test_a_worker_has_one_thread(tmp_path):
    path = tmp_path / "settings"
    run([Job("s", settings, (path,), path.exists)], tmp_path)
    assert path.read_text() == "1 1"


def test_jobs_that_do_not_fit_together_are_refused(tmp_path):
    with pytest.raises(JobError, match="appears twice"):
        run([job("a", tmp_path), job("a", tmp_path)], tmp_path)
    with pytest.raises(JobError, match="job a needs b, which is not listed before it"):
        run([job("a", tmp_path, needs=("b",)), job("b", tmp_path)], tmp_path)


SCRIPT = """
import sys
from pathlib import Path
from leaderboard.jobs.job import Job
from leaderboard.jobs.scheduler import run
from tests.leaderboard.jobs.test_scheduler import slow

def jobs(folder):
    return [
        Job(n, slow, (folder / n, folder / f"{n}.pid"), (folder / n).exists)
        for n in ("a", "b", "c", "d")
    ]

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    try:
        outcomes = run(jobs(folder), folder, workers=2)
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(*(o.status for o in outcomes.values()))
"""


@pytest.fixture
def start(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    started = []

    def start(folder: Path, **environment: str) -> subprocess.Popen:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        started.append(
            subprocess.Popen(
                [sys.executable, str(script), str(folder)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
                # Whoever starts the tests in the background hands down that it is ignored.
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_killed_and_started_again_gives_what_an_undisturbed_run_gives(tmp_path, start):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    output, errors = start(whole).communicate(timeout=60)
    assert output.split() == ["done"] * 4, errors

    victim = start(broken)
    wait_until((broken / "c.pid").exists)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    workers = [int(p.read_text() or 0) for p in broken.glob("*.pid")]
    wait_until(lambda: not any(alive(pid) for pid in workers))
    assert list(broken.glob(f"{PARTIAL}*")), "the kill should have come in the middle of a file"

    output, errors = start(broken).communicate(timeout=60)
    assert output.split()[:1] == ["kept"], errors
    assert "done" in output
    assert not list(broken.glob(f"{PARTIAL}*"))
    for name in "abcd":
        assert (broken / name).read_text() == (whole / name).read_text()


def test_ctrl_c_ends_in_one_line_that_says_how_to_go_on(tmp_path, start):
    # Longer than a second process may take to start on a busy machine.
    victim = start(tmp_path / "out", SECONDS_A_JOB="100")
    wait_until((tmp_path / "out" / "a.pid").exists)
    second = start(tmp_path / "out")
    assert "another run is at work here" in second.communicate(timeout=60)[1]
    victim.send_signal(signal.SIGINT)
    _, errors = victim.communicate(timeout=60)
    assert errors.startswith(f"{InterruptedRunError.__name__}: stopped with ")
    assert "the same command goes on from there" in errors
    assert len(errors.splitlines()) == 1
    pid = int((tmp_path / "out" / "a.pid").read_text())
    wait_until(lambda: not alive(pid))


def write_and_die(path: Path, report: Report) -> None:
    write(path, "whole", report)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_result_counts_also_when_its_worker_dies_on_the_way_from_it(tmp_path):
    path = tmp_path / "a"
    outcomes = run([Job("a", write_and_die, (path,), path.exists)], tmp_path)
    assert outcomes["a"].status == "done"


def test_a_function_named_is_imported_by_the_worker_alone(tmp_path):
    path = tmp_path / "a"
    named = Named("tests.leaderboard.jobs.test_scheduler", "write")
    assert run([Job("a", named, (path, "there"), path.exists)], tmp_path)["a"].status == "done"
    assert path.read_text() == "there"
    assert pickle.loads(pickle.dumps(Named("json", "dumps"))) is json.dumps
    assert Named("json", "dumps")([1]) == "[1]"


def which_gpu(path: Path, report: Report) -> None:
    time.sleep(0.2)  # so that the other worker is given the other job
    write(path, os.environ.get("CUDA_VISIBLE_DEVICES", "all"), report)


def test_with_gpus_each_worker_sees_one_of_them(tmp_path):
    paths = [tmp_path / str(n) for n in range(4)]
    jobs = [Job(path.name, which_gpu, (path,), path.exists) for path in paths]
    pool = partial(Processes, 2, gpus=2)
    assert all(o.status == "done" for o in run(jobs, tmp_path, pool=pool).values())
    assert {path.read_text() for path in paths} == {"0", "1"}
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_a_worker_that_dies_gives_its_gpu_back(tmp_path):
    path = tmp_path / "after"
    jobs = [
        Job("killed", die, (signal.SIGKILL,), (tmp_path / "never").exists),
        Job("after", which_gpu, (path,), path.exists),
    ]
    outcomes = run(jobs, tmp_path, pool=partial(Processes, 1, gpus=1))
    assert [outcomes[name].status for name in ("killed", "after")] == ["failed", "done"]
    assert path.read_text() == "0"
