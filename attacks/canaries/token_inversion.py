"""White-box inversion over discrete tokens: the secret by ascent on what it may be.

Each slot of the carrier holds a distribution over its options, a softmax whose logits Adam moves so
that the mixture of all secrets gets likelier: no space has to be enumerated. Words of unlike length
cannot be mixed inside a loss that sums over alignments, so the distribution is relaxed and not the
tokens, and its gradient comes from secrets drawn from it. The likelihoods are tempered at first,
or the best of the first few draws would decide. On wish the unknown stretch of the spectrogram is
moved with them.

Source: Parikh, Dupuy and Gupta 2022, "Canary Extraction in Natural Language Understanding Models"
(ModIvA, arXiv 2203.13920).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from attacks.base import Access, Findings, Weights
from attacks.canaries.canary import by_kind, canaries_among, mask_secret, secret_of, template_of
from targets.core.progress import report
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.features import HOP
from targets.speech.utterance import SAMPLE_RATE, Utterance


@dataclass(frozen=True)
class TokenInversion:
    """Climb to the likeliest secret, given the recording with the secret covered.

    `candidates` of the canaries are drawn at random. A `spectrogram_rate` above 0 moves the
    covered frames as well.
    """

    access: ClassVar[Access] = "weights"
    candidates: int = 12
    steps: int = 40
    samples: int = 16
    learning_rate: float = 0.2
    spectrogram_rate: float = 0.0
    hottest: float = 10.0

    def score(self, view: Weights, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`; the score is by how many nats the true secret gained on a blind guess."""
        ranked = sorted(canaries_among(candidates), key=lambda c: rng.child("draw", c.id).integer())
        canaries = tuple(ranked[: self.candidates])
        nats, exact, right, blind, wrong = np.zeros((5, len(canaries)))
        for n, canary in enumerate(canaries):
            template = template_of(canary)
            beliefs = self._climb(view.recognizer, canary, rng.child(canary.id))
            truth = template.choices(secret_of(canary))
            hits = [int(b.argmax()) == t for b, t in zip(beliefs, truth, strict=True)]
            chances = [1 / len(b) for b in beliefs]
            pairs = zip(beliefs, truth, chances, strict=True)
            nats[n] = sum(float(b[t]) - np.log(chance) for b, t, chance in pairs)
            exact[n], right[n], blind[n] = all(hits), np.mean(hits), np.mean(chances)
            wrong[n] = len(hits) - sum(hits)
            report((n + 1) / len(canaries))
        figures = {
            "exact_match": exact,
            "slots_right": right,
            "slots_right_by_chance": blind,
            "hamming_distance": wrong,
            **by_kind(canaries, "slots_right", right),
        }
        ceilings = {"exact_match": 1.0, "slots_right": 1.0}
        return Findings(canaries, nats, figures, ceilings)

    def _climb(self, target: Recognizer, canary: Utterance, rng: Randomness) -> list[Tensor]:
        """Return the log-probabilities (options,) that each slot ends with.

        Of the canary only the recording with its secret covered is used, and where that cover is.
        """
        template = template_of(canary)
        masked = mask_secret(canary, rng.child("noise"))
        features, counts = target.logmel([masked])
        unknown = _unknown_frames(masked, features)
        noise = rng.child("logits").torch()
        # Not all equal: a model that prefers nothing must not seem to prefer the first option.
        # Beliefs are few numbers, drawn from at every step: they stay on the CPU, and of the
        # target only its losses come there.
        logits = [
            0.01 * torch.randn(len(options), generator=noise, device=noise.device)
            for options in template.options
        ]
        logits = [z.requires_grad_() for z in logits]
        change = torch.zeros_like(features).requires_grad_()
        optimizer = torch.optim.Adam(
            [
                {"params": logits, "lr": self.learning_rate},
                {"params": [change], "lr": self.spectrogram_rate},
            ]
        )
        draw = rng.child("samples").torch()
        S, known = self.samples, dict[str, float]()
        for step in range(self.steps):
            drawn = torch.stack(
                [z.softmax(0).multinomial(S, replacement=True, generator=draw) for z in logits], 1
            )
            chosen, times = drawn.unique(dim=0, return_counts=True)
            texts = [template.fill(template.chosen(row)) for row in chosen.tolist()]
            if self.spectrogram_rate:
                losses = target.nll_of(features + change * unknown, counts, texts).cpu()
            else:  # what a secret costs stays the same, and is drawn again and again
                new = [t for t in texts if t not in known]
                if new:
                    with torch.no_grad():
                        found = target.nll_of(features, counts, new)
                    known.update(zip(new, found.tolist(), strict=True))
                losses = torch.tensor([known[t] for t in texts], device=chosen.device)
            # The gradient of log E[likelihood^(1 / temperature)], less what is 0 on average.
            temperature = max(1.0, self.hottest * (1 - step / self.steps))
            weights = (times.log() - losses.detach() / temperature).softmax(0) - times / S
            likely = sum(z.log_softmax(0)[chosen[:, k]] for k, z in enumerate(logits))
            objective = losses @ (times / S) - (weights * likely).sum()
            optimizer.zero_grad()
            objective.backward()
            optimizer.step()
        return [z.detach().log_softmax(0) for z in logits]


def _unknown_frames(masked: Utterance, features: Tensor) -> Tensor:
    """Return 1 for each frame (1, T, 1) of features (1, T, M) under the cover, 0 elsewhere."""
    positions = template_of(masked).secret_positions(secret_of(masked))
    start, end = masked.words[positions[0]].start, masked.words[positions[-1]].end
    seconds = torch.arange(features.shape[1], device=features.device) * HOP / SAMPLE_RATE
    return ((start <= seconds) & (seconds < end)).float()[None, :, None]
