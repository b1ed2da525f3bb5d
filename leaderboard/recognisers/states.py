"""The states of an encoder, of recognisers that show them: an ability beside the contract."""

from __future__ import annotations

import base64
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from leaderboard.recognisers.base import OutsideRecogniser
from targets.speech.utterance import Samples

States = NDArray[np.float32]


@runtime_checkable
class ShowsStates(Protocol):
    """A recogniser that shows what its encoder makes of an utterance."""

    def embedding(self, audio: Samples, rate: int) -> States:
        """Return the mean (D,) of the encoder's states over the frames of audio (S,).

        Raises:
            UnheardError: this utterance cannot be used.
        """
        ...


def why_no_states(recogniser: OutsideRecogniser) -> str | None:
    """Return why a recogniser shows no states; None where it does."""
    if isinstance(recogniser, ShowsStates):
        return None
    return f"{recogniser.name}: the states of its encoder are not shown (hf: models show theirs)"


def as_text(states: States) -> str:
    """Return states (D,) as text for a file."""
    return base64.b64encode(np.ascontiguousarray(states, dtype="<f4").tobytes()).decode("ascii")


def from_text(text: str) -> States:
    """Return the states (D,) that `as_text` wrote, bit for bit."""
    return np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float32)
