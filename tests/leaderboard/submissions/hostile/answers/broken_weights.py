"""Answers with weights whose header claims to be endless."""

import os
import struct

event, weights = b'{"kind": "no_op"}', b"\xff" * 64
frames = struct.pack(">cQ", b"e", len(event)) + event
frames += struct.pack(">cQ", b"u", 9) + b"utterance"
frames += struct.pack(">cQ", b"w", len(weights)) + weights
for descriptor in range(3, 10):
    try:
        os.write(descriptor, frames)
    except OSError:
        continue
os._exit(0)
