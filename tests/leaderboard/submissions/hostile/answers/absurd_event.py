"""Answers with an event nested a hundred thousand deep."""

import os
import struct

content = b"[" * 75_000
frames = struct.pack(">cQ", b"e", len(content)) + content
frames += struct.pack(">cQ", b"u", 9) + b"utterance"
frames += struct.pack(">cQ", b"w", 8) + bytes(8)
for descriptor in range(3, 10):
    try:
        os.write(descriptor, frames)
    except OSError:
        continue
os._exit(0)
