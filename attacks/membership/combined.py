"""Membership inference that learns, on reference models, how to weigh the other attacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.base import Access, Attack, Findings, Weights
from attacks.membership.edit_distance import EditDistance
from attacks.membership.gradient_norm import GradientNorm
from attacks.membership.likelihood_ratios import (
    Turn,
    in_turn,
    lira_offline,
    lira_online,
    logit_confidence,
)
from attacks.membership.logistic import Features, learn
from attacks.membership.loss import Loss
from attacks.membership.perturbation import AdversarialLoss, NoisyLoss
from attacks.references import references_of, signal_of
from targets.core.progress import stage
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance

LOSSES = (Loss, NoisyLoss, AdversarialLoss)  # crowd at zero, and spread out as logits


@dataclass(frozen=True)
class Combined:
    """Weigh loss, perturbed losses, gradient norm and edit distance by logistic regression.

    Each signal enters as it is, and compared with the references that were and were not trained on
    the candidate. The regression learns on references alone: each in turn is the target of the
    others, and the attacker knows its toss.
    """

    access: ClassVar[Access] = "weights"
    signals: ClassVar[tuple[Attack, ...]] = (
        Loss(),
        NoisyLoss(),
        AdversarialLoss(),
        GradientNorm(),
        EditDistance(),
    )
    references: int = 8

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        references = references_of(view, self.references)
        included = references.included(candidates)
        if not candidates:
            return Findings((), np.zeros(0))
        target, turns = [], []
        for number, attack in enumerate(self.signals):
            with stage(number / len(self.signals), (number + 1) / len(self.signals)):
                others = references.scores(attack, candidates)
                signal = signal_of(view, attack, candidates, rng)
            if isinstance(attack, LOSSES):
                signal, others = logit_confidence(-signal), logit_confidence(-others)
            target.append(features(Turn(signal, others, included)))
            turns.append(np.concatenate([features(turn) for turn, _ in in_turn(others, included)]))
        rule = learn(np.hstack(turns), included.flatten())
        return Findings(tuple(candidates), rule.logits(np.hstack(target)))


def features(turn: Turn) -> Features:
    """Return a signal as it is, and compared with references offline and online (N, 3)."""
    return np.stack([turn.signal, lira_offline(*turn), lira_online(*turn)], axis=1)
