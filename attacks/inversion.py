"""Model inversion: from weights and a transcript back to the spectrogram of the training speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from attacks.base import Access, Findings, Weights
from targets.progress import report, stage
from targets.randomness import Randomness
from targets.recognizer import Recognizer
from targets.speech import Utterance


@dataclass(frozen=True)
class Inversion:
    """Gradient descent on the log-mel spectrogram for the candidate's transcript.

    The attacker knows the transcript and the duration. The descent begins at the mean-speaker
    prior, the average of public speech, and what counts is what it adds: the cosine between what
    the reconstruction and what the candidate have beyond that prior (standardised log-mel). The
    same descent on the public start is the control; the score is the gain over it. `candidates`
    of them are drawn at random.
    """

    access: ClassVar[Access] = "weights"
    candidates: int = 32
    steps: int = 40
    learning_rate: float = 0.1
    smoothness: float = 4.0
    distance: float = 0.5

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        chosen = _draw(candidates, self.candidates, rng)
        if not chosen:
            return Findings((), np.zeros(0))
        truth, counts = view.recognizer.logmel(chosen)
        mean = mean_spectrogram(view.start, view.public, counts)
        with stage(0.0, 0.5):
            target = self.reconstruct(view.recognizer, chosen, mean)
        with stage(0.5, 1.0):
            control = self.reconstruct(view.start, chosen, mean)
        beyond, beyond_of_start = (
            cosines(guess - mean, truth - mean, counts) for guess in (target, control)
        )
        figures = {
            "cosine": cosines(target, truth, counts),
            "cosine_of_public_start": cosines(control, truth, counts),
            "cosine_of_mean_speaker": cosines(mean, truth, counts),
            "cosine_beyond_mean": beyond,
            "cosine_gain": beyond - beyond_of_start,
        }
        ceilings = dict.fromkeys(figures, 1.0) | {"cosine_gain": 2.0}
        return Findings(chosen, beyond - beyond_of_start, figures, ceilings)

    def reconstruct(
        self, recognizer: Recognizer, utterances: Sequence[Utterance], prior: Tensor
    ) -> Tensor:
        """Return spectrograms (B, T, M) that the recogniser hears as the utterances' transcripts.

        Only text and duration of the utterances are used. The descent begins at `prior`
        (B, T, M), the mean of public speech; the objective is the recogniser's loss, plus
        penalties on unevenness in time and frequency and on distance from the prior.
        """
        recognizer.requires_grad_(False)
        counts = recognizer.logmel(utterances)[1]
        texts = [u.text for u in utterances]
        guess = prior.clone().requires_grad_()
        optimizer = torch.optim.Adam([guess], lr=self.learning_rate)
        for step in range(self.steps):
            losses = recognizer.losses_of(guess, counts, texts)
            uneven = sum(guess.diff(dim=d).square().mean((1, 2)) for d in (1, 2))
            far = (guess - prior).square().mean((1, 2))
            objective = losses + counts * (self.smoothness * uneven + self.distance * far)
            optimizer.zero_grad()
            objective.sum().backward()
            optimizer.step()
            report((step + 1) / self.steps)
        return guess.detach()


def cosines(guess: Tensor, truth: Tensor, counts: Tensor) -> np.ndarray:
    """Return the cosine (B,) of two batches of spectrograms (B, T, M) over their real frames."""
    pairs = zip(guess, truth, counts.tolist(), strict=True)
    return np.array(
        [float(F.cosine_similarity(g[:n].flatten(), t[:n].flatten(), 0)) for g, t, n in pairs]
    )


def mean_spectrogram(recognizer: Recognizer, public: Sequence[Utterance], counts: Tensor) -> Tensor:
    """Return the average public spectrogram, stretched to each of `counts` frames: (B, T, M)."""
    longest = int(counts.max())
    stretched = [_stretch(recognizer.logmel([u])[0][0], longest) for u in public[:200]]
    mean = torch.stack(stretched).mean(0)
    padded = [F.pad(_stretch(mean, n), (0, 0, 0, longest - n)) for n in counts.tolist()]
    return torch.stack(padded)


def _stretch(spectrogram: Tensor, frames: int) -> Tensor:
    """Return (frames, M), by linear interpolation in time."""
    return F.interpolate(spectrogram.T[None], size=frames, mode="linear", align_corners=False)[0].T


def _draw(candidates: Sequence[Utterance], count: int, rng: Randomness) -> tuple[Utterance, ...]:
    """Return some of the candidates, each by its own number: others' presence does not matter."""
    ranked = sorted(candidates, key=lambda c: rng.child("draw", c.id).integer())
    return tuple(ranked[:count])
