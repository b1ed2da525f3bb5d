"""Tells somebody on this machine, or anywhere else."""

import socket

for family, place in (
    (socket.AF_INET, ("127.0.0.1", int("@PORT@"))),
    (socket.AF_UNIX, "\0overheard-test"),
    (socket.AF_INET, ("192.0.2.1", 80)),
):
    caller = socket.socket(family)
    caller.settimeout(1)
    try:
        caller.connect(place)
    except OSError:
        continue
    raise SystemExit("connected")
raise ConnectionError("nobody answers")
