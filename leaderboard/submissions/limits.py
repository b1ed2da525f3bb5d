"""What a submission may use, and the ways in which it can end otherwise than with an answer."""

from __future__ import annotations

from dataclasses import dataclass

from targets.core.errors import OverheardError

GIB = 2**30


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
