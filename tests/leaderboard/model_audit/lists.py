"""Two lists of noise that claims to be speech, alike but for their lengths if so wished."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile


def lists(folder: Path, *, longer: float = 1.0, count: int = 40, speakers: int = 10, seed: int = 0):
    """Write members and held-out ones; of members the lengths are `longer` times as long."""
    rng = np.random.default_rng(seed)
    paths = []
    for side, factor in (("members", longer), ("others", 1.0)):
        rows = []
        for n in range(count):
            seconds = factor * rng.uniform(0.4, 0.6)
            name = folder / f"{side}-{n}.flac"
            name.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(name, rng.normal(0, 0.1, int(16_000 * seconds)), 16_000)
            rows.append(
                {"id": f"{side}-{n}", "audio": name.name, "text": "turn left"}
                | {"speaker": f"{side}-{n % speakers}"}
            )
        paths.append(folder / f"{side}.jsonl")
        paths[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    return paths
