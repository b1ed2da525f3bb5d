"""A toy attack: how much the target writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks.base import Findings


@dataclass(frozen=True)
class Toy:
    """Takes the candidate with the longest transcript for a member."""

    access: ClassVar[str] = "transcripts"

    def score(self, view, candidates, rng):  # noqa: ARG002
        lengths = np.array([float(len(text)) for text in view.transcribe(candidates)])
        return Findings(tuple(candidates), lengths)
