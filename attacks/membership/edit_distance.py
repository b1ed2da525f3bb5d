"""Membership inference from transcripts alone: whom does the target understand too well?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import jiwer
import numpy as np

from attacks.base import Access, Findings, Transcripts
from targets.core.randomness import Randomness
from targets.speech.utterance import Utterance


@dataclass(frozen=True)
class EditDistance:
    """Score a candidate by minus the character error rate of the target's transcript of it.

    Many scores tie: whoever is transcribed without an error scores zero, member or not.
    """

    access: ClassVar[Access] = "transcripts"

    def score(
        self, view: Transcripts, candidates: Sequence[Utterance], rng: Randomness
    ) -> Findings:
        """See `Attack`."""
        del rng  # nothing is drawn
        heard = view.transcribe(candidates)
        rates = [jiwer.cer(c.text, h) for c, h in zip(candidates, heard, strict=True)]
        return Findings(tuple(candidates), -np.array(rates, dtype=float))
