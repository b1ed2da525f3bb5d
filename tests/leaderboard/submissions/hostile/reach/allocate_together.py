"""Takes all the memory there is, a little in each of many processes."""

import os
import time

for _ in range(12):
    if os.fork() == 0:
        hoard = bytearray(os.urandom(1 << 20) * 64)
        time.sleep(60)
time.sleep(60)
