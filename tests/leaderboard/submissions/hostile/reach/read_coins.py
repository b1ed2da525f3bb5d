"""Looks for the coins in files, in frames, among all objects, and in other processes."""

import gc
import os
import sys
from pathlib import Path

RECORD = "@RECORD@"

for path in (RECORD, "/proc/1/root" + RECORD, "/proc/self/root" + RECORD, "/tmp/../" + RECORD):
    try:
        found = Path(path).read_text()
    except OSError:
        continue
    raise SystemExit(found)
frame = sys._getframe()
while frame is not None:
    for name, value in list(frame.f_locals.items()):
        if "coin" in name or (isinstance(value, dict) and "coins" in value):
            raise SystemExit(name)
    frame = frame.f_back
for thing in gc.get_objects():
    if isinstance(thing, dict) and "coins" in thing:
        raise SystemExit("coins")
if "leaderboard" in sys.modules or any("leaderboard" in f for f in os.listdir("/overheard")):
    raise SystemExit("leaderboard")
for process in filter(str.isdigit, os.listdir("/proc")):
    for what in ("environ", "cmdline"):
        try:
            said = Path(f"/proc/{process}/{what}").read_text()
        except OSError:
            continue
        if "pytest" in said or "HUSH" in said:
            raise SystemExit(said)
if "HUSH" in os.environ:
    raise SystemExit("HUSH")
raise LookupError("there are no coins")
