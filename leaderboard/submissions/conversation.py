"""One process in the sandbox: given its input, read, and watched.

Limits hold inside (address space, files, processes); what they cannot see, the memory of all
processes together and the time, is watched here.
"""

from __future__ import annotations

import builtins
import json
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from leaderboard.submissions.limits import (
    GIB,
    DisqualifiedError,
    Limits,
    SandboxError,
    SubmissionFailedError,
)
from leaderboard.submissions.process_tree import (
    family,
    free_share,
    proportional_bytes,
    resident_bytes,
)
from leaderboard.submissions.sandbox_worker import HEAD, HELLO, PROGRESS, RAISED
from targets.core.progress import report

WATCH_SECONDS = 0.2
LEAST_FREE = 0.04  # share of the machine's memory below which a submission has to go
PROGRESS_BYTES = 16
RAISED_BYTES = 64
# What a log is shown on may be a terminal, which obeys some of these.
UNPRINTABLE = {n: "?" for n in (*range(32), *range(127, 160)) if chr(n) not in "\n\t"}


class Conversation:
    """Gives a process its input, reads its answer, and watches what it uses."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        limits: Limits,
        answers: Mapping[bytes, int],
        log: IO[str],
    ) -> None:
        self.process = process
        self.limits = limits
        self.most = {HELLO: 0, PROGRESS: PROGRESS_BYTES, RAISED: RAISED_BYTES, **answers}
        self.log = log
        self.received: dict[bytes, bytes] = {}
        self.buffer = bytearray()
        self.logged = 0
        self.last_line = ""

    def hold(self, given: Sequence[bytes]) -> dict[bytes, bytes]:
        """Give all of the input, and return the answer: a content for each kind.

        Raises:
            SandboxError, SubmissionFailedError, DisqualifiedError: as `sandbox.run`.
        """
        threading.Thread(target=self._give, args=(given,), daemon=True).start()
        end = time.monotonic() + self.limits.seconds
        look = 0.0
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        with selectors.DefaultSelector() as streams:
            streams.register(self.process.stdout, selectors.EVENT_READ, self._receive)
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

    def _receive(self, content: bytes) -> None:
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
            self.received.setdefault(kind, content)
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
        pids = list(family(self.process.pid))
        used = sum(map(resident_bytes, pids))
        if used > self.limits.memory:  # pages that several share were counted several times
            used = sum(map(proportional_bytes, pids))
        if used > self.limits.memory:
            raise SubmissionFailedError(
                f"it used more than the {self.limits.memory / GIB:.3g} GiB of memory allowed"
            )
        if free_share() < LEAST_FREE:
            raise SubmissionFailedError("the machine's memory ran out while it ran")

    def _answer(self, code: int) -> dict[bytes, bytes]:
        if HELLO not in self.received:
            raise SandboxError(
                f"the sandbox did not start: {self.last_line or f'exit code {code}'}"
            )
        if RAISED in self.received:
            raise SubmissionFailedError(f"it raised {_kind(self.received[RAISED])}")
        if code < 0 or code > 128:
            number = -code if code < 0 else code - 128
            known = number in {s.value for s in signal.Signals}
            name = signal.Signals(number).name if known else f"signal {number}"
            raise SubmissionFailedError(f"its process was ended by {name}")
        wanted = [kind for kind in self.most if kind not in (HELLO, PROGRESS, RAISED)]
        if self.buffer or any(kind not in self.received for kind in wanted):
            raise SubmissionFailedError(f"it ended without an answer (exit code {code})")
        return {kind: self.received[kind] for kind in wanted}


def _kind(content: bytes) -> str:
    """Return the name of a built-in error, and of nothing else that may have been said."""
    try:
        name = json.loads(content)
    except ValueError:
        return "an error"
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    is_error = isinstance(kind, type) and issubclass(kind, BaseException)
    return f"{name} (its words are in the log)" if is_error else "an error"
