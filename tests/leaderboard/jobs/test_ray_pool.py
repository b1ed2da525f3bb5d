"""A cluster of two machines, pretended on one: the same results, also when one of them dies."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from leaderboard.jobs.job import Report
from leaderboard.jobs.scheduler import run
from leaderboard.records.run_folder import read_records
from targets.core.errors import OverheardError
from targets.core.files import whole_file
from tests.leaderboard.experiment.test_train import ALIKE

ROOT = Path(__file__).parents[3]
TINY = (ROOT / "leaderboard" / "suites" / "tiny.toml").read_text()


def slow(path: Path, report: Report) -> None:
    report(0.5)
    with path.with_suffix(".attempts").open("a") as attempts:
        attempts.write(f"{os.getpid()}\n")
    with whole_file(path) as partial:
        time.sleep(4)
        partial.write_text(f"{random.random()} {np.random.random()} {hash('a')}")  # noqa: NPY002


def fail(report: Report) -> None:  # noqa: ARG001
    raise OverheardError("the loss is NaN")


SCRIPT = """
import sys, threading, time
from functools import partial
from pathlib import Path
from ray.cluster_utils import Cluster
from leaderboard.jobs.job import Job
from leaderboard.jobs.ray_pool import RayPool
from leaderboard.jobs.scheduler import run
from tests.leaderboard.jobs.test_ray_pool import fail, jobs, slow

def lose_a_machine(cluster, machine, folder):
    while len(list(folder.glob("*.attempts"))) < 2:
        time.sleep(0.05)
    cluster.remove_node(machine, allow_graceful=False)

def lose_a_machine_amid_cells(cluster, machine, out):
    # A log is opened as its job begins: now each machine is at work on a cell.
    while len(list(out.glob("logs/ctc-*.log"))) < 2:
        time.sleep(0.05)
    print("lost with records:", len(list(out.glob("records/*.json"))), flush=True)
    cluster.remove_node(machine, allow_graceful=False)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    machine = cluster.add_node(num_cpus=1)
    if sys.argv[2:]:
        from leaderboard import cli
        sys.argv = [a.replace("ADDRESS", cluster.address) for a in sys.argv[1:]]
        out = Path("cluster")
        loss = threading.Thread(
            target=lose_a_machine_amid_cells, args=(cluster, machine, out), daemon=True
        )
        loss.start()
        try:
            cli.main()
        finally:
            cluster.shutdown()
    threading.Thread(target=lose_a_machine, args=(cluster, machine, folder), daemon=True).start()
    pool = partial(RayPool, cluster.address)
    outcomes = run(jobs(folder), folder, pool=pool)
    print(*(f"{o.job}:{o.status}:{o.reason}" for o in outcomes.values()), sep=chr(10))
    cluster.shutdown()
"""


def jobs(folder: Path) -> list:
    from leaderboard.jobs.job import Job

    good = [Job(n, slow, (folder / n,), (folder / n).exists) for n in ("a", "b", "c")]
    return [*good, Job("bad", fail, (), (folder / "bad").exists)]


def on_the_cluster(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess:
    (tmp_path / "script.py").write_text(SCRIPT)
    return subprocess.run(
        [sys.executable, "script.py", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.xdist_group("ray")  # one cluster at a time
def test_a_lost_machine_changes_no_result(tmp_path):
    (tmp_path / "cluster").mkdir()
    done = on_the_cluster(tmp_path, str(tmp_path / "cluster"))
    # Before them Ray tells of the machine it lost.
    assert set(done.stdout.splitlines()[-4:]) == {
        *(f"{name}:done:None" for name in "abc"),
        "bad:failed:the loss is NaN",
    }, done.stderr
    attempts = {n: (tmp_path / "cluster" / f"{n}.attempts").read_text() for n in "abc"}
    assert sum(len(text.split()) for text in attempts.values()) > 3, "no job was lost"

    run(jobs(tmp_path / "here"), tmp_path / "here", workers=3)
    for name in "abc":
        assert (tmp_path / "cluster" / name).read_text() == (tmp_path / "here" / name).read_text()
    assert "NaN" in (tmp_path / "cluster" / "logs" / "bad.log").read_text()


@pytest.mark.slow
@pytest.mark.xdist_group("ray")  # one cluster at a time
def test_the_cluster_gives_the_records_of_a_local_run_also_where_a_machine_dies(tmp_path):
    head, *schemes = TINY.split("[[schemes]]")
    attacks = TINY[TINY.index("[[attacks]]") :]
    few = [s for s in schemes if '"none"' in s or '"pate-gnmax"' in s]
    text = head + "".join(f"[[schemes]]{s.partition('[[attacks]]')[0]}" for s in few) + attacks
    (tmp_path / "small.toml").write_text(text)
    words = ["run", "--suite", "small.toml"]
    done = on_the_cluster(tmp_path, "overheard", *words, "--out", "cluster", "--ray", "ADDRESS")
    assert done.returncode == 0, done.stderr
    assert "lost with records: 0" in done.stdout
    subprocess.run(
        [sys.executable, "-m", "leaderboard.cli", *words, "--out", "here", "--workers", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    there, here = (
        [
            {key: value for key, value in record.content.items() if key not in ALIKE}
            for record in read_records(tmp_path / name)
        ]
        for name in ("cluster", "here")
    )
    assert len(here) == 2
    assert there == here
    assert (tmp_path / "cluster" / "spectrograms.png").exists()
