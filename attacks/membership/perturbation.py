"""Membership inference by perturbed audio: what was learnt by heart stays known under noise.

Source: Teixeira et al. 2024, arXiv 2405.01207, who feed such losses of ASR models to a classifier;
here each is an attack by itself, and `attacks.membership.combined` learns from both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from attacks.base import Access, Findings, LossScores, Weights
from attacks.membership.loss import characters
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer, in_batches
from targets.speech.utterance import Utterance


@dataclass(frozen=True)
class NoisyLoss:
    """Score a candidate by minus its mean loss per character under Gaussian noise on the audio.

    The noise has `loudness` times the recording's root mean square. It belongs to the recording:
    target and references hear the same, so that they can be compared.
    """

    access: ClassVar[Access] = "scores"
    draws: int = 2
    loudness: float = 0.03

    def score(self, view: LossScores, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        del rng  # the noise is public
        noise = Randomness(0).child("noise")
        losses = [
            view.nll([_noisy(c, self.loudness, noise.child(c.id, draw)) for c in candidates])
            for draw in range(self.draws)
        ]
        return Findings(tuple(candidates), -np.mean(losses, axis=0) / characters(candidates))


@dataclass(frozen=True)
class AdversarialLoss:
    """Score a candidate by minus its loss per character after steps that raise it most.

    The steps move the standardised log-mel by `size` along the gradient, measured as root mean
    square over all of the utterance; they need the weights.
    """

    access: ClassVar[Access] = "weights"
    steps: int = 1
    size: float = 0.05

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        del rng  # nothing is drawn

        def raised(batch: Sequence[Utterance]) -> list[float]:
            return self._raised(view.recognizer, batch)

        losses = np.array(in_batches(candidates, raised))
        return Findings(tuple(candidates), -losses / characters(candidates))

    def _raised(self, recognizer: Recognizer, batch: Sequence[Utterance]) -> list[float]:
        texts = [u.text for u in batch]
        features, counts = recognizer.logmel(batch)
        reach = self.size * (counts * features.shape[2]).sqrt()
        for _ in range(self.steps):
            features.requires_grad_()
            losses = recognizer.nll_of(features, counts, texts)
            (slope,) = torch.autograd.grad(losses.sum(), features)
            steepness = slope.flatten(1).norm(dim=1).clamp_min(1e-12)
            features = features.detach() + (reach / steepness)[:, None, None] * slope
        with torch.no_grad():
            return recognizer.nll_of(features, counts, texts).tolist()


def _noisy(utterance: Utterance, loudness: float, rng: Randomness) -> Utterance:
    samples = utterance.samples
    power = float(np.sqrt(np.mean(np.square(samples, dtype=float)))) if len(samples) else 0.0
    noise = rng.numpy().normal(0.0, loudness * power, len(samples)).astype(np.float32)
    return replace(utterance, samples=samples + noise)
