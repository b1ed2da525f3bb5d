"""Hostile submissions: whatever one does ends in a reason, and nothing outside is touched."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from defenses.accounting.event_json import MOST_TEXT, EventError
from leaderboard.jobs import scheduler as runner
from leaderboard.records.record import failed_record
from leaderboard.records.run_folder import read_records, write_record
from leaderboard.spec.load import load_suite
from leaderboard.submissions import mounts, sandbox, sandbox_worker
from leaderboard.submissions.defense_runs import submitted_cells, submitted_jobs
from leaderboard.submissions.exchange import MOST_WORD
from leaderboard.submissions.limits import (
    DisqualifiedError,
    Limits,
    SandboxError,
    SubmissionFailedError,
)
from leaderboard.submissions.sandbox_worker import EVENT, UNIT, WEIGHTS
from leaderboard.submissions.sandboxed import SandboxedDefense
from leaderboard.submissions.submission import Submission
from targets.core.randomness import Randomness
from tests.fakes import recipe_for, speech

ROOT = Path(__file__).parents[3]
HOSTILE = Path(__file__).parent / "hostile"
LIMITS = Limits(seconds=120, memory=300 << 20, disk=16 << 20, processes=30)
SHORT = Limits(seconds=2, memory=300 << 20, processes=30)

reason = sandbox.unavailable()
pytestmark = pytest.mark.skipif(reason is not None, reason=f"no sandbox: {reason}")


def source_of(name: str, **places: object) -> str:
    (path,) = HOSTILE.rglob(f"{name}.py")
    source = path.read_text()
    for place, value in places.items():
        source = source.replace(f"@{place}@", str(value))
    return source


def submit(name: str, log: io.StringIO | None = None, limits: Limits = LIMITS, **places: object):
    """Run a submission that acts when it is loaded, before torch is."""
    job = {
        "role": "defense", "contract": False, "file": f"{name}.py",
        "source": source_of(name, **places), "class": "Hostile", "settings": {},
    }  # fmt: skip
    answers = {EVENT: 4 * MOST_TEXT, UNIT: MOST_WORD, WEIGHTS: 1 << 20}
    nothing = save({"none": torch.zeros(1)})
    return sandbox.run(job, nothing, answers, limits, trust=False, log=log or io.StringIO())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fill_disk", "raised OSError"),
        ("allocate", "raised MemoryError"),
        ("allocate_together", "more than the 0.293 GiB of memory"),
        ("leave", r"ended without an answer \(exit code 0\)"),
        ("crash", "ended by SIGSEGV"),
        ("resign", "raised SystemExit"),
        ("change_the_code", "raised PermissionError"),
        ("kill_parent", "raised ProcessLookupError"),
        ("escalate", "raised PermissionError"),
        ("linger", "ended without an answer"),
    ],
)
def test_it_fails_for_a_reason(name, said):
    with pytest.raises(SubmissionFailedError, match=said):
        submit(name)


@pytest.mark.parametrize("name", ["hang", "fork_bomb"])
def test_it_is_stopped_in_time(name):
    began = time.monotonic()
    with pytest.raises(SubmissionFailedError, match="longer than the 2 s allowed"):
        submit(name, limits=SHORT)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("name", "said"),
    [("garbled", "garbled"), ("endless_answer", "too long: 1152921504606846976 bytes")],
)
def test_an_answer_that_is_none_disqualifies(name, said):
    with pytest.raises(DisqualifiedError, match=said):
        submit(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absurd_event", "event is 75000 characters long"),
        ("unknown_event", "unknown kind of event"),
        ("unknown_unit", "unknown unit: use one of utterance, speaker"),
        ("broken_weights", "no safetensors"),
    ],
)
def test_an_answer_is_read_with_care(name, said):
    with pytest.raises(DisqualifiedError, match=said):
        train(name)


def test_what_it_shouts_stays_in_the_log():
    log = io.StringIO()
    with pytest.raises(SubmissionFailedError) as ended:
        submit("shout", log)
    assert "heads" not in str(ended.value).lower()
    assert "raised Exception (its words are in the log)" in str(ended.value)
    assert 0 < len(log.getvalue()) <= LIMITS.log


def test_coins_are_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("HUSH", "heads")
    record = tmp_path / "record.json"
    record.write_text('{"coins": {"a": true}}')
    with pytest.raises(SubmissionFailedError, match="raised LookupError"):
        submit("read_coins", RECORD=record)


def test_what_lies_beside_python_is_not_seen(monkeypatch):
    """A checkout with its runs may lie anywhere: below /usr, or below a virtual environment."""
    with tempfile.TemporaryDirectory(dir=sys.prefix) as beside:
        Path(beside).chmod(0o755)
        record = Path(beside) / "record.json"
        record.write_text('{"coins": {"a": true}}')
        with pytest.raises(SubmissionFailedError, match="raised LookupError"):
            submit("read_coins", RECORD=record)
    with tempfile.TemporaryDirectory(dir=Path(sys.prefix) / "lib") as within:
        checkout = Path(within)
        checkout.chmod(0o755)
        with pytest.raises(SandboxError, match="which a submission sees: use another folder"):
            sandbox.require(False, checkout / "runs")
        (checkout / "pyproject.toml").touch()
        (checkout / "record.json").write_text('{"coins": {"a": true}}')
        for room in mounts.ROOMS:
            shutil.copytree(ROOT / room, checkout / room)
        monkeypatch.setattr(mounts, "ROOT", checkout)
        with pytest.raises(SubmissionFailedError, match="raised LookupError"):
            submit("read_coins", RECORD=checkout / "record.json")
    sandbox.require(False, ROOT / "runs")


def test_records_stay_as_they_are(tmp_path):
    record = tmp_path / "records" / "record.json"
    record.parent.mkdir()
    record.write_text("WER 50 %")
    with pytest.raises(SubmissionFailedError, match="raised OSError"):
        submit("write_record", RECORD=record)
    assert record.read_text() == "WER 50 %"
    assert [p.name for p in tmp_path.rglob("*")] == ["records", "record.json"]


def test_nobody_can_be_called():
    with socket.socket() as server, socket.socket(socket.AF_UNIX) as local:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        local.bind("\0overheard-test")
        local.listen()
        with pytest.raises(SubmissionFailedError, match="raised ConnectionError"):
            submit("call_home", PORT=server.getsockname()[1])
        with pytest.raises(TimeoutError):
            server.accept()


def test_nothing_lingers():
    with pytest.raises(SubmissionFailedError):
        submit("linger")
    # Long before it would have ended by itself; on a busy machine the kernel takes a moment.
    wait_until(lambda: "lingering" not in running(), seconds=20)


def test_a_killed_parent_takes_it_along():
    code = """
import sys
from leaderboard.jobs import scheduler as runner
from leaderboard.submissions import mounts, sandbox
job = {"file": "a", "class": "b", "settings": {}, "source": sys.argv[1]}
sandbox.run(job, b"", {}, sandbox.LIMITS, trust=False, log=sys.stdout)
"""
    mark = f"orphan{os.getpid()}"
    source = f"open('/proc/self/comm', 'w').write({mark!r})\nimport time\ntime.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", code, source], cwd=ROOT)
    wait_until(lambda: mark in running())
    parent.kill()
    parent.wait()
    wait_until(lambda: mark not in running())


def wait_until(holds, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def running() -> set[str]:
    """Return the names of all processes."""
    names = set()
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            names.add(path.read_text(errors="replace").strip())
    return names


def train(name: str, **settings: str):
    """Run a submission that acts when it is trained."""
    submission = Submission(f"{name}.py", source_of(name), "Hostile", "defense", settings)
    public = speech(3, "public")
    recipe = recipe_for("ctc", public)
    limits = Limits(seconds=600)
    return SandboxedDefense(submission, limits).train(
        recipe, speech(4, "private"), public, Randomness(0)
    )


@pytest.fixture
def _here(monkeypatch):
    """Have the worker's own steps done in this process: what is tested is how answers are read.

    That the same answers come out of a sandbox, one of each kind shows below.
    """
    monkeypatch.setitem(sys.modules, "submission", sys)  # the worker puts its own there

    def run(job, given, answers, limits, *, trust, log):  # noqa: ARG001
        said: dict[bytes, bytes] = {}
        sandbox_worker._defend(job, load(given), sandbox_worker._maker(job), said.setdefault)
        assert all(len(said[kind]) <= most for kind, most in answers.items())
        return said

    monkeypatch.setattr(sandbox, "run", run)


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("nan", "not finite: network"),
        ("shape", r"is \(3, 3\) of torch.float32, the target's"),
        ("foreign", "0 missing .none., 1 foreign"),
        ("missing", "1 missing"),
        ("double", "of torch.float64"),
    ],
)
def test_bad_weights_disqualify(how, said):
    with pytest.raises(DisqualifiedError, match=said) as ended:
        train("bad_weights", how=how)
    assert str(ended.value).isprintable()
    assert len(str(ended.value)) < 300


@pytest.mark.usefixtures("_here")
def test_an_event_without_a_price_disqualifies():
    with pytest.raises(DisqualifiedError, match="no price"):
        train("bad_event", how="sampled Laplace")


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("how", ["absurd", "not a number", "an ε"])
def test_an_event_that_is_none_is_an_error_in_the_sandbox(how):
    with pytest.raises(EventError):
        train("bad_event", how=how)


@pytest.mark.slow
def test_what_is_an_error_in_the_sandbox_fails():
    with pytest.raises(SubmissionFailedError, match="raised"):
        train("bad_event", how="an ε")


@pytest.mark.slow
def test_bad_weights_from_the_sandbox_disqualify():
    with pytest.raises(DisqualifiedError, match=r"0 missing .none., 1 foreign") as ended:
        train("bad_weights", how="foreign")
    assert str(ended.value).isprintable()


@pytest.mark.slow
def test_an_event_without_a_price_from_the_sandbox_disqualifies():
    with pytest.raises(DisqualifiedError, match="no price"):
        train("bad_event", how="sampled Laplace")


@pytest.mark.slow
def test_nothing_is_unpickled():
    """It travels as the numbers it holds, whatever its class would like."""
    assert train("bad_event", how="pickled").event.noise_multiplier == 1e9


ENDS = {
    "disqualified": {
        "absurd_event", "bad_weights", "broken_weights", "endless_answer", "garbled",
        "unknown_event", "unknown_unit",
    },
    "ok": {"bad_event"},  # the pickle, which is taken for the number that it holds
}  # fmt: skip


@pytest.mark.slow
def test_the_run_goes_on_to_a_record_of_each(tmp_path):
    """All of them in one run, as `overheard score` does it, on the toy suite."""
    suite = load_suite("tiny")
    suite = suite.model_copy(update={"attacks": suite.attacks[:1]})
    stood = write_record(failed_record(suite.cells()[0], "stood here before"), tmp_path)
    before = stood.read_bytes()
    names = sorted(path.stem for path in HOSTILE.rglob("*.py") if path.stem != "__init__")
    assert len(names) >= 20
    jobs, ids = [], {}
    for name in names:
        settings = {"bad_event": {"how": "pickled"}, "bad_weights": {"how": "nan"}}.get(name, {})
        limits = SHORT if name in ("hang", "fork_bomb") else LIMITS
        limits = replace(limits, memory=2 << 30) if settings else limits
        source = source_of(name, RECORD=stood, PORT=1)
        submission = Submission(f"{name}.py", source, "Hostile", "defense", settings)
        sandboxed = SandboxedDefense(submission, limits)
        cells = submitted_cells(suite, submission, name.replace("_", "-"), [0])
        ids[name] = cells[0].id
        known = {job.id for job in jobs}
        more = submitted_jobs(cells, sandboxed, tmp_path, Path())
        jobs += [job for job in more if job.id not in known]
    runner.run(jobs, tmp_path)
    records = {r.cell.id: r for r in read_records(tmp_path)}
    ended = {name: records[i] for name, i in ids.items()}
    for name, record in ended.items():
        wanted = next((status for status, those in ENDS.items() if name in those), "failed")
        assert record.status == wanted, (name, record.reason)
        assert (record.reason is None) == (wanted == "ok")
        assert (record.reason or "-").isprintable()
        assert "heads" not in (record.reason or "")
    assert ended["hang"].reason == "it took longer than the 2 s allowed"
    assert ended["bad_event"].guarantee.basis == "claimed"
    assert stood.read_bytes() == before
    # Nothing else was left in the run: no file that we did not write.
    left = {p.relative_to(tmp_path).parts[0] for p in tmp_path.rglob("*")}
    assert left <= {".lock", "logs", "records", "speech", "starts", "weights"}


def test_without_a_sandbox_it_refuses(monkeypatch):
    monkeypatch.setattr(sandbox, "unavailable", lambda: "bubblewrap is not installed")
    with pytest.raises(SandboxError, match="--trust"):
        submit("leave")
