"""Canary exposure: how much likelier than all others has training made the true secret?

Every secret of the space is ranked by how much likelier the target finds it than the public start
does, in a recording that the attacker has: the canary with the secret covered ("masked") or as it
is ("heard"), another voice that says the carrier ("voice"), or none at all ("nothing").

Source: Carlini et al. 2019, "The Secret Sharer"; for speech, Wang et al. 2023, "Unintended
memorization in large ASR models".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from attacks.base import Access, Findings, LossScores, Scores
from attacks.canary import canaries_among, in_another_voice, mask_secret, silence, template_of
from attacks.canary_ranking import rank_secrets
from targets.randomness import Randomness
from targets.speech import Utterance

AT_ONCE = 2_000  # transcripts of one audio that are scored together, for the sake of memory

Given = Literal["masked", "heard", "voice", "nothing"]


@dataclass(frozen=True)
class Exposure:
    """Rank the true secret among all, given a recording."""

    access: ClassVar[Access] = "scores"
    given: Given = "masked"

    def score(self, view: LossScores, candidates: Sequence[Utterance], rng: Randomness) -> Findings:
        """See `Attack`.

        The score is the exposure in bits, or the extrapolated one where the secret is heard: a
        good recogniser then ranks it first, trained on or not, and by how much is what tells.
        """
        canaries = canaries_among(candidates)
        audio = self._recordings(canaries, rng)

        def gains(canary: Utterance, texts: Sequence[str]) -> Scores:
            heard = audio[canary.id]
            parts = [texts[n : n + AT_ONCE] for n in range(0, len(texts), AT_ONCE)]
            return np.concatenate(
                [view.start.score(heard, part).numpy() - view.score(heard, part) for part in parts]
            )

        return rank_secrets(
            canaries, gains, lambda c: audio[c.id].id, rng, by_margin=self.given == "heard"
        )

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
