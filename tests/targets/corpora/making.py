"""Small corpora for tests: tones and manifests, made where a test wants them."""

import gzip
import json

import numpy as np
import soundfile

RATE = 16_000


def tone(seconds=0.5, rate=RATE, pitch=440.0, loud=0.3):
    return (loud * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype("f4")


def sound(path, seconds=0.5, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(seconds, **options), RATE)
    return path


def text(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def jsonl(path, *rows):
    lines = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines.encode()))
    else:
        path.write_text(lines, encoding="utf-8")
    return path
