"""A planted game, and recognisers whose leak is known."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from leaderboard.planting.canaries import Wanted
from leaderboard.planting.deal import plant
from leaderboard.planting.planted import Planted, read_planted
from tests.leaderboard.model_audit.by_heart import Fake
from tests.leaderboard.planting.small import corpus, deal

__all__ = ["CANARIES", "Fake", "game"]

CANARIES = Wanted(12, ("pin4",), (1, 4), ("clear", "obscured", "mislabelled"), 3)


def game(folder: Path, *, canaries: bool = True, **changes: object) -> Planted:
    """Deal a small corpus: 40 utterances of noise, and twelve canaries."""
    made = _made(canaries, tuple(sorted(changes.items())))
    shutil.copytree(made.name, folder, dirs_exist_ok=True)
    return read_planted(folder / "planted")


@cache
def _made(canaries: bool, changes: tuple[tuple[str, object], ...]) -> TemporaryDirectory[str]:
    """Deal once a process: it is spoken, and written, each time."""
    kept = TemporaryDirectory()
    wanted = dict(changes) | ({"canaries": CANARIES} if canaries else {})
    seed = int(str(wanted.pop("seed", 7)))
    folder = Path(kept.name)
    plant(corpus(folder / "corpus"), folder / "planted", deal(**wanted), seed=seed)
    return kept
