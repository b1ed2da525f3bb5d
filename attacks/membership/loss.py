"""Membership inference: which candidates fit the model too well?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.base import Access, Findings, LossScores, Scores
from attacks.references import signal_of
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance


@dataclass(frozen=True)
class Loss:
    """Score a candidate by minus its loss per character (Yeom et al. 2018).

    Calibrated, by how much lower its loss is than the public start's (Watson et al. 2022): what is
    easy for everyone is no sign of membership.
    """

    access: ClassVar[Access] = "scores"
    calibrated: bool = False

    def score(self, view: LossScores, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        if self.calibrated:
            scores = signal_of(view, Loss(), candidates, rng)
            scores = scores + view.nll_of_start(candidates) / characters(candidates)
        else:  # nothing is drawn
            scores = -view.nll(candidates) / characters(candidates)
        return Findings(tuple(candidates), scores)


def characters(candidates: Sequence[Utterance]) -> Scores:
    """Return the lengths (N,) of the transcripts, at least 1."""
    return np.array([max(len(c.text), 1) for c in candidates], dtype=float)
