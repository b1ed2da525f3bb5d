"""Answers with an event that asks to be unpickled."""

import os
import struct

content = b'{"kind": "pickle", "data": "gASV"}'
frames = struct.pack(">cQ", b"e", len(content)) + content
frames += struct.pack(">cQ", b"u", 9) + b"utterance"
frames += struct.pack(">cQ", b"w", 8) + bytes(8)
for descriptor in range(3, 10):
    try:
        os.write(descriptor, frames)
    except OSError:
        continue
os._exit(0)
