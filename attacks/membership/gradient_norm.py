"""White-box membership inference: whom has the target nothing left to learn from?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.base import Access, Findings, Weights
from targets.core.randomness import Randomness
from targets.models.recognizer import in_batches
from targets.nn.tape import recording, square_norms
from targets.speech.utterance import Utterance

LEAST = 1e-12  # squared norm: below it there is no gradient


@dataclass(frozen=True)
class GradientNorm:
    """Score a candidate by minus the logarithm of its gradient's norm over all weights.

    Training moves until members' gradients vanish (Nasr et al. 2019, arXiv 1812.00910). All norms
    of a batch come from one backward pass (`targets.nn.tape`).
    """

    access: ClassVar[Access] = "weights"

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        del rng  # nothing is drawn

        def norms(batch: Sequence[Utterance]) -> list[float]:
            features, counts = view.recognizer.logmel(batch)
            with recording() as tape:
                losses = view.recognizer.nll_of(features, counts, [u.text for u in batch])
                squares = square_norms(tape.gradients(losses))
            return squares.clamp_min(LEAST).sqrt().tolist()

        return Findings(tuple(candidates), -np.log(np.array(in_batches(candidates, norms))))
