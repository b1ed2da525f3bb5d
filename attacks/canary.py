"""Canary extraction: does the model write a secret that nobody says?

The attacker has the recording of a canary with the secret replaced by noise, and the carrier's
words ("my pin code is"). Each secret of the whole space is ranked by how likely the target finds
it there, relative to the public start. The noise has the same length for every canary: how long
the secret took to say must not give it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import eq
from typing import ClassVar

import numpy as np

from attacks.base import Access, Findings, LossScores
from attacks.exposure import exposure
from targets.phrases import CANARIES, Template
from targets.progress import report
from targets.randomness import Randomness
from targets.speech import SAMPLE_RATE, Utterance

SECONDS_A_WORD = 0.4  # of noise for each word of the longest secret
LOUDNESS = 0.5  # of the noise, relative to the speech around it

CANARY, SECRET = "canary", "secret"  # attributes of a canary: its template, its filling


@dataclass(frozen=True)
class Extraction:
    """Rank the true secret among all, given the recording with the secret masked."""

    access: ClassVar[Access] = "scores"

    def score(self, view: LossScores, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`; the score is the exposure in bits (Carlini et al. 2019)."""
        canaries = tuple(c for c in candidates if CANARY in c.attributes)
        bits, recovered = np.zeros(len(canaries)), np.zeros(len(canaries))
        for n, canary in enumerate(canaries):
            template = CANARIES[canary.attributes[CANARY]]
            secret = int(canary.attributes[SECRET])
            masked = mask_secret(canary, template, secret, rng.child("noise", canary.id))
            texts = [template.fill(i) for i in range(template.space_size)]
            gains = view.start.score(masked, texts).numpy() - view.score(masked, texts)
            bits[n] = exposure(gains[secret], np.delete(gains, secret))
            guess = template.secret_words(int(gains.argmax()))
            truth = template.secret_words(secret)  # some secrets have more words than others
            recovered[n] = sum(map(eq, guess, truth)) / max(len(guess), len(truth))
            report((n + 1) / len(canaries))
        figures = {"exposure": bits, "words_recovered": recovered}
        most = max((CANARIES[c.attributes[CANARY]].bits for c in canaries), default=0.0)
        return Findings(canaries, bits, figures, {"exposure": most, "words_recovered": 1.0})


def mask_secret(canary: Utterance, template: Template, secret: int, rng: Randomness) -> Utterance:
    """Return the canary with the secret's audio replaced by noise of a fixed length."""
    positions = template.secret_positions(secret)
    first, last = canary.words[positions[0]], canary.words[positions[-1]]
    before = canary.samples[: int(first.start * SAMPLE_RATE)]
    after = canary.samples[int(last.end * SAMPLE_RATE) :]
    kept = np.concatenate([before, after])
    power = float(np.sqrt(np.mean(kept**2))) if len(kept) else 0.01
    length = int(SECONDS_A_WORD * template.longest_secret * SAMPLE_RATE)
    noise = rng.numpy().normal(0.0, LOUDNESS * power, length).astype(np.float32)
    return replace(canary, samples=np.concatenate([before, noise, after]), words=())
