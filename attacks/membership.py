"""Membership inference: which candidates fit the model too well?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.base import Access, Findings, LossScores, Scores
from targets.randomness import Randomness
from targets.speech import Utterance


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
        del rng  # nothing is drawn
        losses = view.loss(candidates)
        if self.calibrated:
            losses = losses - view.start.loss(candidates).double().numpy()
        return Findings(tuple(candidates), -losses / characters(candidates))


def characters(candidates: Sequence[Utterance]) -> Scores:
    """Return the lengths (N,) of the transcripts, at least 1."""
    return np.array([max(len(c.text), 1) for c in candidates], dtype=float)
