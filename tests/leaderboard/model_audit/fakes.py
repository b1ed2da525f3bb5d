"""A planted game and recognisers whose leak is known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from leaderboard.planting.canaries import Wanted
from leaderboard.planting.deal import plant
from leaderboard.planting.planted import Planted, read_planted
from leaderboard.recognisers.base import Ability
from targets.corpora.read import read_corpus
from tests.leaderboard.planting.small import corpus, deal

CANARIES = Wanted(12, ("pin4",), (1, 4), ("clear", "obscured", "mislabelled"), 3)


def game(folder: Path, *, canaries: bool = True, **changes: object) -> Planted:
    """Deal a small corpus: 40 utterances of noise, and twelve canaries."""
    wanted = {"canaries": CANARIES} if canaries else {}
    seed = int(str(changes.pop("seed", 7)))
    plant(corpus(folder / "corpus"), folder / "planted", deal(**wanted | changes), seed=seed)
    return read_planted(folder / "planted")


class Fake:
    """A recogniser that knows by heart what it is given, and nothing else."""

    kind = "script"

    def __init__(self, trained: Path | None = None, name: str = "fake", *, losses: bool = True):
        read = read_corpus(trained) if trained is not None else ()
        self.known = {u.samples.tobytes(): u.text for u in read}
        self.texts = set(self.known.values())
        self.name = name
        self.digest: str | None = name
        self.cannot: Mapping[Ability, str] = {"gradient_norm": "a fake has no weights"}
        if not losses:
            self.cannot = {**self.cannot, "log_likelihood": "a fake that writes alone"}
        self.calls = 0

    def transcribe(self, audio: np.ndarray, rate: int) -> str:
        self.calls += 1
        assert rate == 16_000
        return self.known.get(audio.tobytes(), "something else")

    def log_likelihood(self, audio: np.ndarray, rate: int, text: str) -> float:
        assert rate == 16_000
        self.calls += 1
        said = hashlib.sha256(audio.tobytes() + text.encode()).digest()
        by_chance = 1.0 + 0.2 * int.from_bytes(said[:4], "big") / 2**32
        known = self.known.get(audio.tobytes()) == text.lower()
        heard_of = text.lower() in self.texts
        return -len(text) * (0.1 if known else 0.5 if heard_of and self.known else by_chance)

    def gradient_norm(self, *_: object) -> float:
        raise AssertionError("nobody may ask")
