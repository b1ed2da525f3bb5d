"""Model inversion: from weights and a transcript back to the spectrogram of the training speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from attacks.base import Access, Findings, Scores, Weights
from attacks.inversion.metrics import BOUNDED, Likeness, cosines, draw, padded, suffixed
from attacks.inversion.prior import (
    SpeechPrior,
    fitted,
    scrambled,
    spectrograms,
)
from targets.core.progress import report, stage
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer, in_batches
from targets.nn.layers import sequence_mask
from targets.speech.features import LogMel
from targets.speech.utterance import Utterance

AT_ONCE = 8  # utterances of similar length in one batch of descents


@dataclass(frozen=True)
class Inversion:
    """Gradient descent on the log-mel spectrogram for the candidate's transcript.

    The attacker knows the transcript and the duration. Several descents run in one batch: from the
    mean speaker, the average of public speech, and from public utterances stretched to the
    duration; the one that ends lowest is kept. The loss sums over alignments, so that none has to
    be known; a Gaussian prior over short windows, learnt on public speech, keeps what is found near
    speech. With `components` above 0 the descent moves in the principal components of public speech
    instead (a linear generative prior).

    What counts is what it adds: the cosine between what the reconstruction and what the candidate
    have beyond the mean speaker. The score is the gain over the same descent on the public start;
    the other controls are a model whose weights are shuffled and the mean speaker itself.
    `candidates` of them are drawn at random.
    """

    access: ClassVar[Access] = "weights"
    candidates: int = 16
    starts: int = 2
    steps: int = 15
    learning_rate: float = 0.15
    strangeness: float = 1.0
    distance: float = 0.5
    components: int = 0

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`."""
        chosen = draw(candidates, self.candidates, rng)
        if not chosen:
            return Findings((), np.zeros(0))
        if not isinstance(view.recognizer.logmel, LogMel):
            reason = (
                "the target's frames are no spectrogram alone: they say the language as well"
                if view.recognizer.hears_log_mel
                else "the target hears states of a frozen encoder, and no spectrogram"
            )
            return Findings((), np.zeros(0), reason=reason)
        ruler = Likeness.of(view.recognizer.logmel, view.public, candidates, chosen, rng)
        truth, counts = view.recognizer.logmel(chosen)
        prior = SpeechPrior.learn(spectrograms(view.start, view.public), self.components)
        mean = prior.mean(counts)
        models = {
            "": view.recognizer,
            "_of_public_start": view.start,
            "_of_untrained": scrambled(view.start, rng.child("untrained")),
        }
        guesses = {"_of_mean_speaker": mean}
        for number, (suffix, model) in enumerate(models.items()):
            with stage(number / len(models), (number + 1) / len(models)):
                guesses[suffix] = self.reconstruct(model, chosen, prior, rng)
        figures: dict[str, Scores] = {}
        for suffix, guess in guesses.items():
            figures |= suffixed(ruler.figures(guess, counts, chosen), suffix)
        figures |= suffixed(ruler.of_originals(chosen), "_of_original")
        beyond, beyond_of_start = (
            cosines(guesses[suffix] - mean, truth - mean, counts)
            for suffix in ("", "_of_public_start")
        )
        figures |= {"cosine_beyond_mean": beyond, "cosine_gain": beyond - beyond_of_start}
        ceilings = {name: 1.0 for name in figures if name.startswith(BOUNDED)}
        ceilings["cosine_gain"] = 2.0
        return Findings(chosen, beyond - beyond_of_start, figures, ceilings)

    def reconstruct(
        self,
        recognizer: Recognizer,
        utterances: Sequence[Utterance],
        prior: SpeechPrior,
        rng: Randomness,
    ) -> Tensor:
        """Return spectrograms (B, T, M) that the recogniser hears as the utterances' transcripts.

        Only text and duration of the utterances are used. The objective is the recogniser's loss,
        plus penalties on what is unlike speech and on distance from where the descent began.
        """
        done = 0

        def of(batch: Sequence[Utterance]) -> list[Tensor]:
            nonlocal done
            before, done = done, done + len(batch)
            with stage(before / len(utterances), done / len(utterances)):
                return list(self._descend(recognizer, batch, prior, rng))

        return padded(in_batches(utterances, of, AT_ONCE))

    def _descend(
        self,
        recognizer: Recognizer,
        utterances: Sequence[Utterance],
        prior: SpeechPrior,
        rng: Randomness,
    ) -> Tensor:
        counts = recognizer.logmel(utterances)[1]
        drawn = rng.child("starts").numpy().permutation(len(prior.heard))[: self.starts - 1]
        begun = [prior.mean(counts), *(fitted(prior.heard[n], counts) for n in drawn)]
        start, many = torch.cat(begun), counts.repeat(len(begun))
        texts = [u.text for u in utterances] * len(begun)
        real = sequence_mask(many, start.shape[1])
        free = prior.latent(start) if self.components else start.clone()
        free.requires_grad_()
        optimizer = torch.optim.Adam([free], lr=self.learning_rate)
        for step in range(self.steps + 1):
            frames = prior.speak(free, start.shape[1]) if self.components else free
            frames = frames * real
            losses = recognizer.nll_of(frames, many, texts)
            far = (frames - start).square().mean((1, 2))
            odd = prior.strangeness(frames)
            objective = losses + many * (self.strangeness * odd + self.distance * far)
            if step == self.steps:
                break
            optimizer.zero_grad()
            objective.sum().backward()
            optimizer.step()
            report((step + 1) / self.steps)
        best = objective.detach().view(len(begun), -1).argmin(0)
        found = frames.detach().view(len(begun), len(utterances), *start.shape[1:])
        return found[best, torch.arange(len(utterances), device=best.device)]
