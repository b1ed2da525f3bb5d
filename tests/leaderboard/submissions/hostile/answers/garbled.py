"""Answers with noise."""

import os

frames = os.urandom(1 << 16)
for descriptor in range(3, 10):
    try:
        os.write(descriptor, frames)
    except OSError:
        continue
os._exit(0)
