"""A small corpus to plant: noise that claims to be speech."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from leaderboard.planting.canaries import Wanted
from leaderboard.planting.deal import Deal

NO_CANARIES = Wanted(0, ("pin",), (1,), ("clear",), 1)


def corpus(folder: Path, count: int = 40, speakers: int = 8) -> Path:
    """Write a manifest of `count` utterances to deal, and two of the split test."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for n in range(count + 2):
        name = f"said-{n:03d}"
        soundfile.write(folder / f"{name}.flac", rng.normal(0, 0.1, 4_000), 16_000)
        split = "train" if n < count else "test"
        speaker = f"person{n % speakers}" if n < count else "tester"
        gender = ("female", "male")[n % speakers % 2]
        rows.append(
            {"id": name, "audio": f"{name}.flac", "text": "Turn LEFT", "speaker": speaker}
            | {"split": split, "gender": gender}
        )
    (folder / "manifest.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return folder


def deal(**changes: object) -> Deal:
    """Return a deal without canaries."""
    return Deal(**({"unit": "utterance", "canaries": NO_CANARIES} | changes))  # type: ignore[arg-type]
