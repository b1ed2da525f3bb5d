"""Transcripts that are drawn at random, of recognisers that do: an ability beside the contract."""

from __future__ import annotations

import hashlib
from typing import Protocol, runtime_checkable

from leaderboard.recognisers.base import OutsideRecogniser
from targets.speech.utterance import Samples


@runtime_checkable
class DrawsTranscripts(Protocol):
    """A recogniser that can draw its transcript, in place of writing its best one."""

    def draw(self, audio: Samples, rate: int, number: int) -> str:
        """Return the transcript of a number of audio (S,), drawn at temperature 1.

        Where the recogniser allows, the same number has the same transcript.

        Raises:
            UnheardError: this utterance cannot be used.
            RecogniserError: none can.
        """
        ...


def why_no_draws(recogniser: OutsideRecogniser) -> str | None:
    """Return why a recogniser draws no transcripts; None where it does."""
    if isinstance(recogniser, DrawsTranscripts):
        return None
    return f"{recogniser.name}: writes its best transcript alone (hf: and http: models draw others)"


def seed_of(audio: Samples, number: int) -> int:
    """Return the seed of a draw, which follows from what is asked: 63 bits."""
    digest = hashlib.sha256(b"draw %d " % number + audio.tobytes()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
