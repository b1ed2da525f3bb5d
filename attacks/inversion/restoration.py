"""Restoration, a membership signal: does the gradient point from noise at the clean recording?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from attacks.base import Access, Findings, Scores, Weights
from attacks.inversion.metrics import draw, suffixed
from attacks.inversion.prior import scrambled
from targets.core.progress import report
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer, in_batches
from targets.speech.utterance import Utterance


@dataclass(frozen=True)
class Restoration:
    """Whether a model's gradient points from a recording under noise at the recording itself.

    The attacker has the transcript and the recording, lays noise over it as loud as speech varies,
    and asks the model, by the gradient of the transcript's loss, which way to go. What counts is
    the cosine between that way and the way back to the recording, over `draws` of the noise. To
    score it the clean recording is needed: it tells members, and rebuilds nothing. The score
    is the gain over the public start, which knows what makes words clearer but not the recording;
    the other control is a model of shuffled weights. `candidates` of them are drawn at random, the
    same noise for all models.
    """

    access: ClassVar[Access] = "weights"
    candidates: int = 240
    draws: int = 3
    noise: float = 1.0

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        chosen = draw(candidates, self.candidates, rng)
        models = {
            "": view.recognizer,
            "_of_public_start": view.start,
            "_of_untrained": scrambled(view.start, rng.child("untrained")),
        }
        figures: dict[str, Scores] = {}
        for number, (suffix, model) in enumerate(models.items()):
            figures |= suffixed({"way_back": self.way_back(model, chosen, rng)}, suffix)
            report((number + 1) / len(models))
        figures["way_back_gain"] = figures["way_back"] - figures["way_back_of_public_start"]
        ceilings = dict.fromkeys(figures, 1.0) | {"way_back_gain": 2.0}
        return Findings(chosen, figures["way_back_gain"], figures, ceilings)

    def way_back(
        self, model: Recognizer, utterances: Sequence[Utterance], rng: Randomness
    ) -> Scores:
        """Return the mean cosine (N,) of the descent and the way back, over the draws of noise."""

        def of(batch: Sequence[Utterance]) -> list[float]:
            truth, counts = model.logmel(batch)
            texts = [u.text for u in batch]
            total = truth.new_zeros(len(batch))
            for number in range(self.draws):
                noise = torch.zeros_like(truth)
                for n, (u, count) in enumerate(zip(batch, counts.tolist(), strict=True)):
                    noise[n, :count] = self.noise * _normal(
                        (count, truth.shape[2]), rng.child("noise", u.id, number)
                    )
                total += _downhill(model, truth + noise, counts, texts, -noise)
            return (total / self.draws).tolist()

        return np.array(in_batches(utterances, of))


def _normal(shape: tuple[int, int], rng: Randomness) -> Tensor:
    """Return normal noise, drawn on the CPU: a recording gets the same on every device."""
    generator = rng.torch()
    return torch.randn(shape, generator=generator, device=generator.device)


def _downhill(
    model: Recognizer, frames: Tensor, counts: Tensor, texts: Sequence[str], way: Tensor
) -> Tensor:
    """Return the cosine (B,) of the way downhill in the loss with a given way (B, T, M)."""
    frames = frames.requires_grad_()
    (uphill,) = torch.autograd.grad(model.nll_of(frames, counts, texts).sum(), frames)
    return F.cosine_similarity(-uphill.flatten(1), way.flatten(1))
