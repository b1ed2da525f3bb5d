"""Prints without end on both streams, and says it again in an error of its own making."""

import sys


class TheSecretIsHeadsError(Exception):
    pass


for stream in (sys.stdout, sys.stderr):
    for _ in range(200):
        stream.write("the secret is heads\n" * 1000)
raise TheSecretIsHeadsError("the secret is heads")
