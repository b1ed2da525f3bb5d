"""Membership from rounds: does an update point where an utterance's gradient points?

Who trains on an utterance moves weights against its gradient. Hence the inner product of both tells
members from others (gradient alignment, Melis et al. 2019, arXiv 1805.04049; Li, Li and Ribeiro
2023, ICLR). The gradients of any speech have much in common. What is common tells nothing, and
weighting by the inverse second moment of public gradients takes it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attacks.updates.whitening import Matrix, matched, noisy, scatter
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Utterance


def gradients_of(recognizer: Recognizer, utterances: Sequence[Utterance]) -> Tensor:
    """Return the gradients (N, P) of the losses of utterances over all trained weights."""
    weights = [p for p in recognizer.network.parameters() if p.requires_grad]
    rows = []
    for example in recognizer.examples(utterances):
        parts = torch.autograd.grad(recognizer.example_nll([example])[0], weights)
        rows.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(rows)


@dataclass(frozen=True)
class Round:
    """What a round showed: a sum of updates of clients who trained on `utterances` in all.

    `step` is how far one utterance's gradient moves the sum: the rate times the steps, over the
    size of a batch, and what clipping leaves of it. `sigma` is the noise on every number.
    """

    utterances: int
    step: float
    sigma: float = 0.0


def aligned(gradients: Matrix, public: Matrix, seen: Matrix, how: Round, share: float) -> Matrix:
    """Return the scores (M, N) of candidates' gradients (N, D) in sums (M, D); higher is a member.

    `public` (K, D) are gradients of speech that took no part, at the same weights; `share` is that
    of `scatter`. The scores of rounds add up.
    """
    usual = scatter(public, len(public), share)
    clutter = noisy(usual, how.utterances * how.step**2, how.sigma)
    templates = -how.step * gradients
    lengths = np.sqrt(np.diag(matched(templates, templates, clutter)))
    scores: Matrix = matched(templates, seen, clutter) / lengths
    return scores
