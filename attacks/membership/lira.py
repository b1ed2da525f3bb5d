"""LiRA, the likelihood-ratio attack (Carlini et al. 2022, arXiv 2112.03570)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from attacks.base import Access, Attack, Findings, LossScores
from attacks.membership.likelihood_ratios import lira_offline, lira_online, logit_confidence
from attacks.membership.loss import Loss
from attacks.references import references_of, signal_of
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance


@dataclass(frozen=True)
class LiRA:
    """Compare the target's confidence with that of references trained on the candidate, and not.

    The confidence is the logit of exp(-loss per character). With few references their variances
    are pooled, except as far as the candidates' own are seen to differ. Offline, only references
    that were not trained on a candidate count: what an attacker has who learns of it too late.
    """

    access: ClassVar[Access] = "scores"
    signals: ClassVar[tuple[Attack, ...]] = (Loss(),)
    references: int = 8
    offline: bool = False

    def score(self, view: LossScores, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        references = references_of(view, self.references)
        signal, others = (
            logit_confidence(-scores)
            for scores in (
                signal_of(view, Loss(), candidates, rng),
                references.scores(Loss(), candidates),
            )
        )
        statistic = lira_offline if self.offline else lira_online
        return Findings(
            tuple(candidates), statistic(signal, others, references.included(candidates))
        )
