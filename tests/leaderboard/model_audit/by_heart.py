"""Recognisers whose leak is known.

Worker processes import this file: it imports neither torch nor pytest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from leaderboard.model_audit.questions import MODEL
from leaderboard.recognisers.base import Ability, RecogniserError, UnheardError
from targets.corpora.read import read_corpus
from targets.speech.audio import read_audio


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


class Deaf(Fake):
    """Cannot hear one recording, refuses at another, and ends its process at a third."""

    def __init__(self, trained, unheard=None, refused=None, deadly=None):
        super().__init__(trained)
        self.unheard, self.refused, self.deadly = (
            None if path is None else read_audio(path).samples.tobytes()
            for path in (unheard, refused, deadly)
        )

    def log_likelihood(self, audio, rate, text):
        if audio.tobytes() == self.unheard:
            raise UnheardError("fake: too long")
        if audio.tobytes() == self.refused:
            raise RecogniserError("fake: refuses")
        if audio.tobytes() == self.deadly:
            os._exit(2)
        return super().log_likelihood(audio, rate, text)


def opened(trained, **moods):
    return {MODEL: Deaf(trained, **moods)}
