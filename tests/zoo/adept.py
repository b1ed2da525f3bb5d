"""ADePT (Krishna et al. 2021, arXiv 2102.01502): noisy latents of transcripts, and its price.

A transcript becomes a vector, which is cut to Euclidean norm C and gets Laplace noise on every
entry. Two vectors in that ball are up to 2 C apart in Euclidean norm, and up to 2 C √n in the sum
of their n entries, which is what Laplace noise has to cover. The published claim takes the first
for the second (Habernal 2021, arXiv 2109.03175). The promise is for one transcript in the place of
another.
"""

from __future__ import annotations

import math
import sys
from unittest.mock import patch

import numpy as np
from dp_accounting import LaplaceDpEvent
from numpy.typing import NDArray

from attacks.statistics.evidence import Trials
from leaderboard.audits.gradient_canaries import Evidence
from targets.core.randomness import Randomness
from tests.zoo.mechanisms import Broken

ENTRIES = 64  # of a latent
CLIP, EPSILON = 1.0, 3.0

Latent = NDArray[np.float64]


def sensitivity(clip: float, entries: int) -> float:
    """Return how far two cut latents can be apart, in the sum of their entries."""
    return 2 * clip * math.sqrt(entries)


def noisy(latent: Latent, generator: np.random.Generator) -> Latent:
    """Return a latent (n,), cut and with noise: one ε-private query."""
    cut = latent * min(1.0, CLIP / np.linalg.norm(latent))
    return cut + generator.laplace(scale=sensitivity(CLIP, ENTRIES) / EPSILON, size=ENTRIES)


def _published():
    """Take the distance in Euclidean norm."""
    return patch.object(sys.modules[__name__], "sensitivity", lambda clip, entries: 2 * clip)  # noqa: ARG005


def watch_latents(runs: int, rng: Randomness) -> Evidence:
    """Release one of two latents that are as far apart as can be; score by their likelihoods."""
    corner = np.full(ENTRIES, 10 * CLIP)
    far = CLIP / math.sqrt(ENTRIES)
    scores = {True: [], False: []}
    for number in range(2 * runs):
        is_first = number % 2 == 0
        seen = noisy(corner if is_first else -corner, rng.child(number).numpy())
        scores[is_first].append(float((np.abs(seen + far) - np.abs(seen - far)).sum()))
    trials = Trials(np.array(scores[True]), np.array(scores[False]), "utterance", "many_runs")
    return Evidence(LaplaceDpEvent(1 / EPSILON), {"latents": trials})


ADEPT = (
    Broken("ADePT's published sensitivity, 64 entries", "adept", _published, watch_latents, 1_000),
)
