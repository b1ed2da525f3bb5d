"""What a target's encoder learns from public speech before transcripts train it."""

from __future__ import annotations

from typing import Literal

from leaderboard.spec.fields import Count, Frozen, Positive


class Pretraining(Frozen):
    """How the encoder is trained on all public speech, transcribed or not, without transcripts."""

    method: Literal["guided-cpc"]
    """Contrastive predictive coding, guided by the representations of the plain public start."""
    epochs: Count
    """Passes over the public speech."""
    learning_rate: Positive
    """Of it alone."""
