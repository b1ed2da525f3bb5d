"""Answers with a guarantee for a unit of its own, with a line break and a colour in its name."""

import os
import struct

event, unit = b'{"kind": "no_op"}', b"\x1b[31m\nhousehold"
frames = struct.pack(">cQ", b"e", len(event)) + event
frames += struct.pack(">cQ", b"u", len(unit)) + unit
frames += struct.pack(">cQ", b"w", 8) + bytes(8)
for descriptor in range(3, 10):
    try:
        os.write(descriptor, frames)
    except OSError:
        continue
os._exit(0)
