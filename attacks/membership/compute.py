"""A side channel: does the recogniser compute less for what it was trained on?

A target that skips work where it thinks it may (`ReportsCompute`) is trained to skip it on its
members. Whoever can send it a recording sees something of how much it computes, in the time or the
money that an answer takes, also where the answer itself is kept back. Here multiplications are
counted, which takes the weights: more than any clock tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.base import Access, Findings, Scores, Weights
from targets.core.randomness import Randomness
from targets.models.base import ReportsCompute
from targets.models.recognizer import Recognizer, in_batches
from targets.speech.utterance import Utterance


@dataclass(frozen=True)
class Compute:
    """Score a candidate by minus the share of the most compute that its length can take.

    The attacker knows the architecture, and so that most. Calibrated, by how much smaller the share
    is than in the public start: what is easy for everyone is no sign of membership. The attack does
    not apply to targets whose compute follows from the length of the audio.
    """

    access: ClassVar[Access] = "weights"
    calibrated: bool = False

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        del rng  # nothing is drawn
        if not isinstance(getattr(view.recognizer, "network", None), ReportsCompute):
            return Findings((), np.zeros(0), reason="the target's compute is that of any input")
        scores = -share_of_compute(view.recognizer, candidates)
        if self.calibrated:
            scores = scores + share_of_compute(view.start, candidates)
        return Findings(tuple(candidates), scores)


def share_of_compute(recognizer: Recognizer, utterances: Sequence[Utterance]) -> Scores:
    """Return the compute (N,) that each utterance takes by itself, over the most it could take.

    Raises:
        TypeError: the target does not say.
    """
    network = recognizer.network
    if not isinstance(network, ReportsCompute):
        raise TypeError(f"{type(network).__name__} does not say what it computes")

    def shares(batch: Sequence[Utterance]) -> list[float]:
        used, most = network.compute(*recognizer.logmel(batch))
        return (used.double() / most).tolist()

    return np.array(in_batches(utterances, shares), dtype=float)
