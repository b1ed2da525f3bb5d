"""RMIA, the relative attack with few references (Zarifzadeh et al. 2024, arXiv 2312.03262)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.base import Access, Attack, Findings, LossScores
from attacks.membership.likelihood_ratios import rmia, rmia_ratio, tuned_offset
from attacks.membership.loss import Loss, characters
from attacks.references import references_of, signal_of
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance

LEAST_LOG = -600.0  # nats: exp underflows near -745, and ratios of zeros rank nobody


@dataclass(frozen=True)
class RMIA:
    """Score a candidate by the share of the others over whom the target prefers it, relatively.

    The confidence is the probability of the whole transcript, exp(-loss), cut where it underflows.
    The population are the candidates themselves: public speech is of another kind. Offline, only
    references that were not trained on a candidate count, and how much their confidence is
    trusted is tuned on the references, each as the target of the others.
    """

    access: ClassVar[Access] = "scores"
    signals: ClassVar[tuple[Attack, ...]] = (Loss(),)
    references: int = 8
    offline: bool = False
    strictness: float = 1.0

    def score(self, view: LossScores, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        references = references_of(view, self.references)
        included = references.included(candidates)
        lengths = characters(candidates)
        confidence, others = (
            np.exp(np.maximum(scores * lengths, LEAST_LOG))
            for scores in (
                signal_of(view, Loss(), candidates, rng),
                references.scores(Loss(), candidates),
            )
        )
        offset = tuned_offset(others, included) if self.offline else None
        ratio = rmia_ratio(confidence, others, included, offset)
        return Findings(tuple(candidates), rmia(ratio, ratio, self.strictness))
