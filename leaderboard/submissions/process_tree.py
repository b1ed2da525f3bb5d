"""A process with all that descend from it: who they are, what they hold, and their end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything below it."""
    pids = list(family(process.pid))
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.close()


def family(root: int) -> Iterator[int]:
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


def resident_bytes(pid: int) -> int:
    """Return the bytes of memory that a process holds, shared ones in full; 0 if it is gone."""
    try:
        content = Path(f"/proc/{pid}/statm").read_text()
    except OSError:
        return 0
    return int(content.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def proportional_bytes(pid: int) -> int:
    """Return the bytes of memory that a process holds, of shared ones its share."""
    try:
        content = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it is gone, or its shares are not for us to see
        return resident_bytes(pid)
    share = next((line for line in content.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
    return int(share.split()[1]) * 1024


def free_share() -> float:
    """Return the share of the machine's memory that is free."""
    content = Path("/proc/meminfo").read_text()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in content.splitlines()}
    return sizes.get("MemAvailable", sizes["MemTotal"]) / sizes["MemTotal"]
