"""Canary exposure: how much likelier than all others does the model find the true secret?

Every secret of the space is ranked by the target's loss, in a recording that the attacker has: the
canary with the secret covered ("masked") or as it is ("heard"), another voice that says the
carrier ("voice"), or none at all ("nothing").

The public start's losses may be subtracted. Where the secret is not heard they only add noise: a
secret drawn uniformly has a uniform rank under any model that does not know it. Where it is heard
any good recogniser ranks it first, and what the start hears has to be discounted.

Source: Carlini et al. 2019, "The Secret Sharer"; for speech, Wang et al. 2023, "Unintended
memorization in large ASR models".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from attacks.base import Access, Findings, LossScores, Scores
from attacks.canaries.canary import (
    canaries_among,
    in_another_voice,
    mask_secret,
    silence,
    template_of,
)
from attacks.canaries.ranking import rank_secrets
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance

AT_ONCE = 2_000  # transcripts of one audio that are scored together, for the sake of memory

Given = Literal["masked", "heard", "voice", "nothing"]


@dataclass(frozen=True)
class Exposure:
    """Rank the true secret among all, given a recording.

    `calibration` is the share of the public start's losses that is subtracted.
    """

    access: ClassVar[Access] = "scores"
    given: Given = "masked"
    calibration: float = 0.0

    def score(self, view: LossScores, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`.

        The score is the exposure in bits, or the extrapolated one where the secret is heard: by
        how much it leads still tells where it always comes first.
        """
        canaries = canaries_among(candidates)
        audio = self._recordings(canaries, rng)

        def evidence(canary: Utterance, texts: Sequence[str]) -> Scores:
            parts = (texts[n : n + AT_ONCE] for n in range(0, len(texts), AT_ONCE))
            return np.concatenate([self._evidence(view, audio[canary.id], p) for p in parts])

        return rank_secrets(
            canaries, evidence, lambda c: audio[c.id].id, rng, by_margin=self.given == "heard"
        )

    def _evidence(self, view: LossScores, heard: Utterance, texts: Sequence[str]) -> Scores:
        found = -view.nll_of_texts(heard, texts)
        if self.calibration:
            found += self.calibration * view.start.nll_of_texts(heard, texts).cpu().numpy()
        return found

    def _recordings(self, canaries: Sequence[Utterance], rng: Randomness) -> dict[str, Utterance]:
        """Return the recording that the attacker has for each canary, by its id."""
        if self.given == "heard":
            return {c.id: c for c in canaries}
        if self.given == "masked":
            return {c.id: mask_secret(c, rng.child("noise", c.id)) for c in canaries}
        templates = {template_of(c).name: template_of(c) for c in canaries}
        if self.given == "nothing":
            shared = {name: silence(template) for name, template in templates.items()}
        else:
            taken = {c.speaker for c in canaries}
            shared = {
                name: in_another_voice(template, taken, rng.child("voice", name))
                for name, template in templates.items()
            }
        return {c.id: shared[template_of(c).name] for c in canaries}
