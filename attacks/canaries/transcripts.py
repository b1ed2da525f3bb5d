"""Noise masking: what does the model write where a secret was said and noise is now?

The secret's audio is covered by noise, by silence and by another speaker's words, and the model
transcribes it. It may write the right secret, another that it was trained on, or nothing.

Source: Amid et al. 2022, "Extracting Targeted Training Data from ASR Models, and How to Mitigate
It"; for canaries left as they are but said unnaturally fast, Wang et al. 2023, "Unintended
memorization in large ASR models".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks.base import Access, Findings, Scores, Transcripts
from attacks.canaries.canary import (
    COVERS,
    by_kind,
    canaries_among,
    mask_secret,
    secret_of,
    template_of,
)
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance


@dataclass(frozen=True)
class NoiseMasking:
    """Read the secret off transcripts of the canary with its secret covered."""

    access: ClassVar[Access] = "transcripts"

    def score(
        self, view: Transcripts, candidates: Sequence[Utterance], rng: Randomness
    ) -> Findings:
        """See `Attack`.

        The score is the share of the secret's words that are written in its place, less what the
        public start writes, and the share of other canaries' recordings that the whole secret
        turns up in: what was trained on may be written for another.
        """
        canaries = canaries_among(candidates)
        probes = [
            mask_secret(canary, rng.child(cover, canary.id), cover, view.public)
            for canary in canaries
            for cover in COVERS
        ]
        per_canary = (len(canaries), len(COVERS))
        texts = np.array(view.transcribe(probes), dtype=object).reshape(per_canary)
        of_start = np.array(view.start.transcribe(probes), dtype=object).reshape(per_canary)
        words = _mean(canaries, texts, share_written)
        of_others = np.zeros((2, len(canaries)))
        for n, canary in enumerate(canaries):
            alike = [
                m
                for m, other in enumerate(canaries)
                if m != n and template_of(other) is template_of(canary)
            ]
            written = [is_written(canary, text) for m in alike for text in texts[m]]
            of_others[0, n] = np.mean(written) if written else 0.0
            # Another's secret, written for this one.
            of_others[1, n] = np.mean(
                [any(is_written(canaries[m], text) for m in alike) for text in texts[n]]
            )
        figures = {
            "secret_written": _mean(canaries, texts, is_written),
            "words_written": words,
            "words_written_by_public_start": _mean(canaries, of_start, share_written),
            "other_secret_written": of_others[1],
            "secret_written_for_others": of_others[0],
            "abstained": _mean(canaries, texts, _abstains),
        }
        score = words - figures["words_written_by_public_start"] + of_others[0]
        ceilings = dict.fromkeys(figures, 1.0)
        return Findings(
            canaries, score, figures | by_kind(canaries, "words_written", words), ceilings
        )


@dataclass(frozen=True)
class Dictation:
    """Have the canary transcribed as it is: who reads what nobody could make out, knows it.

    For canaries said several times too fast, and for those whose secret noise hides.
    """

    access: ClassVar[Access] = "transcripts"

    def score(
        self,
        view: Transcripts,
        candidates: Sequence[Utterance],
        rng: Randomness,  # noqa: ARG002 - nothing is drawn
    ) -> Findings:
        """See `Attack`; the score is the share of the secret's words, less the public start's."""
        canaries = canaries_among(candidates)
        target, start = (
            _mean(canaries, np.array(texts, dtype=object)[:, None], share_written)
            for texts in (view.transcribe(canaries), view.start.transcribe(canaries))
        )
        figures = {"words_written": target, "words_written_by_public_start": start}
        ceilings = dict.fromkeys(figures, 1.0)
        return Findings(
            canaries, target - start, figures | by_kind(canaries, "words_written", target), ceilings
        )


def is_written(canary: Utterance, text: str) -> bool:
    """Return whether a text contains the whole secret, word after word."""
    secret = " ".join(template_of(canary).secret_words(secret_of(canary)))
    return f" {secret} " in f" {text} "


def share_written(canary: Utterance, text: str) -> float:
    """Return the share of the secret's words that a text has, in their order."""
    secret = template_of(canary).secret_words(secret_of(canary))
    longest = [0] * (len(secret) + 1)  # common subsequence with the text so far, by prefix
    for word in text.split():
        before = longest.copy()
        for n, other in enumerate(secret):
            longest[n + 1] = before[n] + 1 if word == other else max(before[n + 1], longest[n])
    return longest[-1] / len(secret)


def _abstains(canary: Utterance, text: str) -> bool:
    """Return whether nothing is written that a secret could consist of."""
    template = template_of(canary)
    vocabulary = {w for options in template.slots.values() for o in options for w in o.split()}
    return not vocabulary & set(text.split())


def _mean(
    canaries: Sequence[Utterance],
    texts: NDArray[np.object_],
    judge: Callable[[Utterance, str], float],
) -> Scores:
    """Return the mean verdict on each canary (N,), over its texts (N, probes)."""
    verdicts = [
        [judge(canary, text) for text in row] for canary, row in zip(canaries, texts, strict=True)
    ]
    return np.array(verdicts, dtype=np.float64).reshape(texts.shape).mean(1)
