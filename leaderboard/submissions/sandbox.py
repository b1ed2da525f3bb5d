"""A process that may compute and answer, and nothing else: bubblewrap, limits, a watch.

Inside are a read-only system (Python, the packages, this project's `targets`, `defenses` and
`attacks`), an empty temporary folder, no network, no other process, no environment, an identity
without rights. What is given goes in through standard input and what comes back is one stream of
frames (`leaderboard.submissions.sandbox_worker`), so that no file is shared in either direction.

Limits hold inside (address space, files, processes); what they cannot see, the memory of all
processes together and the time, is watched from outside.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from leaderboard.submissions import sandbox_worker as confined
from leaderboard.submissions.sandbox_worker import HEAD, HELLO, JOB, PROGRESS, TENSORS, frame
from targets.core.errors import OverheardError
from targets.core.progress import report

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("targets", "defenses", "attacks")
SYSTEM = (
    "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib",
    "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache",
)  # fmt: skip
PYTHON = ("bin", "lib", "lib64", "pyvenv.cfg")  # of each of its prefixes
INSIDE = Path("/overheard")  # where the rooms and the worker lie in the sandbox
NOBODY = 65534
WHOLE_PROC = "/overheard-proc"
WATCH_SECONDS = 0.2
GIB = 2**30
HEADROOM = 4 * GIB  # of addresses that libraries map and never touch
LEAST_FREE = 0.04  # share of the machine's memory below which a submission has to go
PROGRESS_BYTES = 16
# What a log is shown on may be a terminal, which obeys some of these.
UNPRINTABLE = {n: "?" for n in (*range(32), *range(127, 160)) if chr(n) not in "\n\t"}
ENVIRONMENT = {
    "HOME": "/tmp",
    "USER": "nobody",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class SandboxError(OverheardError):
    """There is no sandbox here; says why and what to do."""


class SubmissionFailedError(OverheardError):
    """A submission did not come to an end: the reason in one line of ours."""


class DisqualifiedError(OverheardError):
    """A submission did or returned what the rules forbid: the reason in one line of ours."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use: of its processes together, in seconds and bytes."""

    seconds: float = 3600.0
    memory: int = 8 * GIB
    disk: int = GIB
    processes: int = 64  # and threads
    files: int = 256
    log: int = 200_000


LIMITS = Limits()


@cache
def unavailable() -> str | None:
    """Return why submissions cannot be confined on this machine; None where they can."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian, Ubuntu: apt install bubblewrap)"
    try:
        tried = subprocess.run(
            _confine(["true"], LIMITS), capture_output=True, text=True, env={}, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run: {error}"
    if tried.returncode == 0:
        return None
    lines = tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"]
    return f"bubblewrap cannot make a sandbox here: {lines[-1]}"


def require(trust: bool, *secret: Path) -> None:
    """Check that submissions can be confined, and cannot see some folders, unless they are trusted.

    Raises:
        SandboxError: they cannot, or would see one.
    """
    if trust:
        return
    reason = unavailable()
    if reason is not None:
        raise SandboxError(f"{reason}; with --trust a submission runs unconfined, as you")
    for folder in secret:
        if seen := _over(folder):
            raise SandboxError(
                f"{folder}: below {seen}, which a submission sees: use another folder"
            )


def run(
    job: Mapping[str, Any],
    tensors: bytes,
    answers: Mapping[bytes, int],
    limits: Limits,
    *,
    trust: bool,
    log: IO[str],
) -> dict[bytes, bytes]:
    """Run one job of the sandbox worker and return its answer, a content for each kind.

    `answers` are the kinds of frames it may end with and the most bytes of each; the first of
    each counts. What it prints goes to `log`, so far as it is not too much.

    Raises:
        SandboxError: it cannot be confined here.
        SubmissionFailedError: it did not come to an end within the limits.
        DisqualifiedError: it answered what no submission answers.
    """
    require(trust)
    rules = {
        "RLIMIT_AS": limits.memory + HEADROOM,
        "RLIMIT_FSIZE": limits.disk,
        "RLIMIT_NOFILE": limits.files,
    }
    if not trust:  # outside, this limit would count everything that the user runs
        rules["RLIMIT_NPROC"] = limits.processes
    given = frame(JOB, json.dumps({**job, "limits": rules}).encode()), frame(TENSORS, tensors)
    worker = [sys.executable, "-P", "-s"]
    if trust:
        command = [*worker, confined.__file__, str(ROOT)]
    else:
        command = _confine([*worker, str(INSIDE / "sandbox_worker.py"), str(INSIDE)], limits)
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT if trust else {},
        cwd="/",
        start_new_session=True,
    )
    try:
        return _Conversation(process, limits, answers, log).hold(given)
    finally:
        _kill(process)


def _confine(command: list[str], limits: Limits) -> list[str]:
    bwrap, root = shutil.which("bwrap") or "bwrap", os.geteuid() == 0
    shown = _shown()
    # The temporary folder first: Python itself may lie below it.
    inner = [
        bwrap, "--perms", "0700", "--size", str(limits.disk), "--tmpfs", "/tmp",
        *_mounts({place: place for place in shown.values()} if root else shown),
        "--dev", "/dev", "--proc", "/proc", "--remount-ro", "/dev", "--remount-ro", "/",
        "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL",
        "--die-with-parent", "--new-session", "--clearenv",
        *(word for name, value in ENVIRONMENT.items() for word in ("--setenv", name, value)),
        "--chdir", "/tmp", "--", *command,
    ]  # fmt: skip
    if not root:
        return inner
    # Root even without rights owns too much, and no limit of processes counts for it. The outer
    # sandbox only makes the same files reachable for nobody, who then makes the real one, and
    # takes nobody along when it dies: without rights it could not signal another user.
    setpriv = shutil.which("setpriv") or "setpriv"
    nobody = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=KILL"]
    return [
        bwrap, *_folders("/tmp"), *_mounts(shown), "--proc", "/proc", "--dev-bind", "/dev", "/dev",
        # The kernel lets nobody mount a /proc of their own only where a whole one can be seen.
        *_folders(WHOLE_PROC), "--bind", "/proc", WHOLE_PROC,
        "--unshare-pid", "--die-with-parent", "--", setpriv, *nobody, "--", *inner,
    ]  # fmt: skip


def _shown() -> dict[str, str]:
    """Return what the sandbox sees of this machine, and where: what Python runs on, no more."""
    system = [path for path in SYSTEM if os.path.exists(path)]
    prefixes = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent.parent)}
    python = [
        str(path)
        for prefix in sorted(prefixes, key=len)
        for part in PYTHON
        if (path := Path(prefix, part)).exists() and not any(map(path.is_relative_to, system))
    ]
    shown = {path: path for path in (*system, *python)}
    for room in ROOMS:
        shown[str(ROOT / room)] = str(INSIDE / room)
    return shown | {confined.__file__: str(INSIDE / "sandbox_worker.py")}


def _over(path: Path) -> str | None:
    """Return what the sandbox sees of this machine that a path lies below, if anything."""
    real = path.resolve()
    return next((s for s in _shown() if real.is_relative_to(Path(s).resolve())), None)


def _hidden() -> Path | None:
    """Return the folder of ours that has to be hidden: where a checkout lies below what is shown.

    Of an installed package that is its leaderboard, with the published records.
    """
    ours = ROOT if (ROOT / "pyproject.toml").exists() else ROOT / "leaderboard"
    return ours if _over(ours) else None


def _mounts(shown: Mapping[str, str]) -> list[str]:
    hidden = _hidden()
    if hidden is None:
        return _binds(shown)
    within = {s: p for s, p in shown.items() if Path(p).is_relative_to(hidden)}
    return [
        *_binds({s: p for s, p in shown.items() if s not in within}),
        *("--perms", "0755", "--tmpfs", str(hidden)), *_binds(within),
        *("--remount-ro", str(hidden)),
    ]  # fmt: skip


def _binds(shown: Mapping[str, str]) -> list[str]:
    words: list[str] = []
    for source, place in shown.items():
        if os.path.islink(place) and Path(place).parent == Path("/"):  # /bin, now part of /usr
            words += ["--symlink", os.readlink(place), place]
        else:
            words += [*_folders(str(Path(place).parent)), "--ro-bind", source, place]
    return words


def _folders(path: str) -> list[str]:
    """Return the words that make a folder and those above it, open to everyone inside."""
    above = [p for p in [*reversed(Path(path).parents), Path(path)] if p != Path("/")]
    return [word for p in above for word in ("--perms", "0755", "--dir", str(p))]


class _Conversation:
    """Gives a process its input, hears its answer, and watches what it uses."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        limits: Limits,
        answers: Mapping[bytes, int],
        log: IO[str],
    ) -> None:
        self.process = process
        self.limits = limits
        self.most = {HELLO: 0, PROGRESS: PROGRESS_BYTES, confined.RAISED: 64, **answers}
        self.log = log
        self.heard: dict[bytes, bytes] = {}
        self.buffer = bytearray()
        self.logged = 0
        self.last_line = ""

    def hold(self, given: Sequence[bytes]) -> dict[bytes, bytes]:
        threading.Thread(target=self._give, args=(given,), daemon=True).start()
        end = time.monotonic() + self.limits.seconds
        look = 0.0
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        with selectors.DefaultSelector() as streams:
            streams.register(self.process.stdout, selectors.EVENT_READ, self._hear)
            streams.register(self.process.stderr, selectors.EVENT_READ, self._note)
            while streams.get_map():
                ended = self.process.poll() is not None
                ready = streams.select(WATCH_SECONDS)
                if ended and not ready:
                    break  # what a trusted one left behind may hold on to the streams
                for key, _ in ready:
                    content = os.read(key.fd, 1 << 16)
                    key.data(content)
                    if not content:
                        streams.unregister(key.fileobj)
                now = time.monotonic()
                if now > end:
                    raise SubmissionFailedError(
                        f"it took longer than the {self.limits.seconds:.0f} s allowed"
                    )
                if now > look:
                    self._watch()
                    look = now + WATCH_SECONDS
        return self._answer(self._exit_code(end))

    def _exit_code(self, end: float) -> int:
        try:
            return self.process.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise SubmissionFailedError(
                f"it took longer than the {self.limits.seconds:.0f} s allowed"
            ) from None

    def _give(self, given: Sequence[bytes]) -> None:
        assert self.process.stdin is not None
        with suppress(OSError, ValueError):  # it need not listen
            for part in given:
                self.process.stdin.write(part)
            self.process.stdin.close()

    def _hear(self, content: bytes) -> None:
        self.buffer += content
        while len(self.buffer) >= HEAD.size:
            kind, length = HEAD.unpack_from(self.buffer)
            if kind not in self.most:
                raise DisqualifiedError("its answer is garbled")
            if length > self.most[kind]:
                raise DisqualifiedError(
                    f"its answer is too long: {length} bytes, {self.most[kind]} are allowed"
                )
            if len(self.buffer) < HEAD.size + length:
                return
            self._frame(kind, bytes(self.buffer[HEAD.size : HEAD.size + length]))
            del self.buffer[: HEAD.size + length]

    def _frame(self, kind: bytes, content: bytes) -> None:
        if kind != PROGRESS:
            self.heard.setdefault(kind, content)
            return
        with suppress(ValueError):
            report(min(1.0, max(0.0, float(content))))

    def _note(self, content: bytes) -> None:
        kept = content[: max(0, self.limits.log - self.logged)].decode(errors="replace")
        self.logged += len(content)
        self.log.write(kept.translate(UNPRINTABLE))
        self.log.flush()
        self.last_line = (kept.strip().splitlines() or [self.last_line])[-1][:200]

    def _watch(self) -> None:
        family = list(_family(self.process.pid))
        used = sum(_memory(pid, "statm") for pid in family)
        if used > self.limits.memory:  # pages that several share were counted several times
            used = sum(_memory(pid, "smaps_rollup") for pid in family)
        if used > self.limits.memory:
            raise SubmissionFailedError(
                f"it used more than the {self.limits.memory / GIB:.3g} GiB of memory allowed"
            )
        if _free_share() < LEAST_FREE:
            raise SubmissionFailedError("the machine's memory ran out while it ran")

    def _answer(self, code: int) -> dict[bytes, bytes]:
        if HELLO not in self.heard:
            raise SandboxError(
                f"the sandbox did not start: {self.last_line or f'exit code {code}'}"
            )
        if confined.RAISED in self.heard:
            raise SubmissionFailedError(f"it raised {_kind(self.heard[confined.RAISED])}")
        if code < 0 or code > 128:
            number = -code if code < 0 else code - 128
            known = number in {s.value for s in signal.Signals}
            name = signal.Signals(number).name if known else f"signal {number}"
            raise SubmissionFailedError(f"its process was ended by {name}")
        wanted = [kind for kind in self.most if kind not in (HELLO, PROGRESS, confined.RAISED)]
        if self.buffer or any(kind not in self.heard for kind in wanted):
            raise SubmissionFailedError(f"it ended without an answer (exit code {code})")
        return {kind: self.heard[kind] for kind in wanted}


def _kind(content: bytes) -> str:
    """Return the name of a built-in error, and of nothing else that may have been said."""
    import builtins

    try:
        name = json.loads(content)
    except ValueError:
        return "an error"
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    is_error = isinstance(kind, type) and issubclass(kind, BaseException)
    return f"{name} (its words are in the log)" if is_error else "an error"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything below it."""
    family = list(_family(process.pid))
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in family:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.close()


def _family(root: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                stat = Path(entry.path, "stat").read_text(errors="replace")
                # After the name, which may hold anything: state, parent.
                parent = int(stat.rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, [])


def _memory(pid: int, source: str) -> int:
    """Return the bytes of memory a process holds; shared ones in full, or their share."""
    try:
        content = Path(f"/proc/{pid}/{source}").read_text()
    except OSError:  # it is gone, or its shares are not for us to see
        return 0 if source == "statm" else _memory(pid, "statm")
    if source == "statm":
        return int(content.split()[1]) * os.sysconf("SC_PAGE_SIZE")
    share = next((line for line in content.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
    return int(share.split()[1]) * 1024


def _free_share() -> float:
    content = Path("/proc/meminfo").read_text()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in content.splitlines()}
    return sizes.get("MemAvailable", sizes["MemTotal"]) / sizes["MemTotal"]
