"""Leaves a process behind that outlives it."""

import os
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open("/proc/self/comm", "w") as file:
            file.write("lingering")
        time.sleep(60)
    os._exit(0)
time.sleep(0.3)
os._exit(0)
