"""A process that may compute and answer, and nothing else: bubblewrap, limits, a watch.

What is given goes in through standard input and what comes back is one stream of frames
(`leaderboard.submissions.sandbox_worker`), so that no file is shared in either direction.
`mounts` says what is inside, `conversation` holds the limits that have to be held from outside.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

from leaderboard.submissions.conversation import Conversation
from leaderboard.submissions.limits import GIB, LIMITS, Limits, SandboxError
from leaderboard.submissions.mounts import (
    ENVIRONMENT,
    INSIDE,
    ROOT,
    WORKER,
    bubblewrap,
    shown_above,
)
from leaderboard.submissions.process_tree import kill
from leaderboard.submissions.sandbox_worker import JOB, TENSORS, frame

HEADROOM = 4 * GIB  # of addresses that libraries map and never touch


@cache
def unavailable() -> str | None:
    """Return why submissions cannot be run in a sandbox on this machine; None where they can."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian, Ubuntu: apt install bubblewrap)"
    try:
        tried = subprocess.run(
            bubblewrap(["true"], LIMITS), capture_output=True, text=True, env={}, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run: {error}"
    if tried.returncode == 0:
        return None
    lines = tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"]
    return f"bubblewrap cannot make a sandbox here: {lines[-1]}"


def require(trust: bool, *secret: Path) -> None:
    """Check that there is a sandbox that does not show some folders, unless none is asked for.

    Raises:
        SandboxError: they cannot, or would see one.
    """
    if trust:
        return
    reason = unavailable()
    if reason is not None:
        raise SandboxError(f"{reason}; with --trust a submission runs unconfined, as you")
    for folder in secret:
        if seen := shown_above(folder):
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
        SandboxError: it cannot be run in a sandbox here.
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
        command = [*worker, WORKER, str(ROOT)]
    else:
        command = bubblewrap([*worker, str(INSIDE / Path(WORKER).name), str(INSIDE)], limits)
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
        return Conversation(process, limits, answers, log).hold(given)
    finally:
        kill(process)
