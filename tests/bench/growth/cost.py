"""What a whole process costs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.bench.growth.curves import Panel


class Cost(NamedTuple):
    """CPU seconds of a process and its children, and the peak memory of the largest in MB."""

    seconds: float
    megabytes: float


def cost_of(module: str, *arguments: str) -> Cost:
    """Run a module with arguments to its end and return what it cost.

    A process is never said to hold less than the one that starts it: that one has to stay small,
    and imports neither numpy nor torch.

    Raises:
        CalledProcessError: it failed.
    """
    line = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, line, stderr=said)
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)


def panels(found: Mapping[str, Sequence[Cost]]) -> list[Panel]:
    """Return CPU time and peak memory of each curve at each size."""
    return [
        Panel("CPU time", "s", {name: [c.seconds for c in costs] for name, costs in found.items()}),
        Panel(
            "peak memory",
            "MB",
            {name: [c.megabytes for c in costs] for name, costs in found.items()},
        ),
    ]
