"""`defenses.text` broken: ADePT as published, and latents whose number, order or noise tells.

Krishna et al. 2021 (arXiv 2102.01502) cut a latent to Euclidean norm C, add Laplace noise to every
entry, and take 2 C for the sensitivity. Two vectors in that ball are up to 2 C √n apart in the sum
of their n entries, which is what Laplace noise has to cover (Habernal 2021, arXiv 2109.03175).
"""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import torch

from attacks.statistics.evidence import Trials
from defenses.text import mechanism
from defenses.text.mechanism import NoisyLatents
from leaderboard.audits.gradient_canaries import Evidence
from leaderboard.audits.latent_canaries import many_runs
from targets.core.randomness import Randomness
from tests.zoo.mechanisms import DELTA, Broken

ENTRIES = 64  # of a latent
SEATS = 8


def _published():
    """Cut in Euclidean norm, whatever the noise goes by."""

    def broken(latents, noise):  # noqa: ARG001
        return torch.linalg.vector_norm(latents, dim=-1, keepdim=True)

    return patch.object(mechanism, "norms", broken)


def _no_empty_seats():
    """Release as many latents as there are members."""
    return patch.object(mechanism, "taken", lambda latents, seats: latents)  # noqa: ARG005


def _order_of_members():
    """Release latents in the order of the members: one more moves all that come behind."""
    return patch.object(torch, "randperm", lambda n, **_: torch.arange(n))


def _noise_by_density():
    """Calibrate the noise, not the space: half of it where the private word has many neighbours."""
    real = NoisyLatents.noisy

    def broken(self, latents, generator):
        loud = real(self, latents, generator)
        dense = latents[:, :1] > 0  # one half of the space
        return torch.where(dense, (latents + loud) / 2, loud)

    return patch.object(NoisyLatents, "noisy", broken)


def watch_loudness(runs: int, rng: Randomness, epsilon: float = 4.0) -> Evidence:
    """Release one of two words that are near, on both sides of where it gets dense."""
    sound = NoisyLatents("gaussian", 1).calibrated(epsilon, DELTA)
    word = torch.zeros(1, ENTRIES)
    word[0, 0] = 1e-3
    scores = []
    for number in range(2 * runs):
        seen = sound.released(word if number % 2 == 0 else -word, rng.child(number))
        scores.append(-float(seen.square().sum()))
    return Evidence(sound.event, {"loudness": _trials(scores)})


def watch_latents(runs: int, rng: Randomness, epsilon: float = 3.0) -> Evidence:
    """Release one of two latents that are as far apart as can be."""
    sound = NoisyLatents("laplace", 1).calibrated(epsilon, DELTA)
    return many_runs(sound, ENTRIES, runs, rng)


def watch_seats(runs: int, rng: Randomness, epsilon: float = 4.0) -> Evidence:
    """Count the latents that are released, with the canary among the members and without."""
    sound = NoisyLatents("gaussian", SEATS).calibrated(epsilon, DELTA)
    scores = []
    for number in range(2 * runs):
        members = SEATS // 2 + (number % 2 == 0)
        seen = sound.released(torch.zeros(members, ENTRIES), rng.child(number))
        scores.append(len(seen) + _fraction(rng, number))
    return Evidence(sound.event, {"number": _trials(scores)})


def watch_order(runs: int, rng: Randomness, epsilon: float = 4.0) -> Evidence:
    """Let members be as different as can be, the canary before all: without it, all move up.

    Eight seats are taken in turn from the two ends of an axis. Without the canary each seat has
    what the next one has with it, so that all eight differ.
    """
    sound = NoisyLatents("gaussian", SEATS).calibrated(epsilon, DELTA)
    turns = torch.zeros(SEATS + 1, ENTRIES, dtype=torch.float64)
    turns[::2, 0], turns[1::2, 0] = 1.0, -1.0
    signs = turns[:SEATS, 0]
    scores = []
    for number in range(2 * runs):
        members = turns[:SEATS] if number % 2 == 0 else turns[1:]
        seen = sound.released(members, rng.child(number))
        scores.append(float(seen[:, 0] @ signs))
    return Evidence(sound.event, {"order": _trials(scores)})


def _fraction(rng: Randomness, number: int) -> float:
    """Return a number in [0, 1) that orders equals by chance."""
    return float(rng.child("tie", number).numpy().random())


def _trials(scores: list[float]) -> Trials:
    return Trials(np.array(scores[::2]), np.array(scores[1::2]), "utterance", "many_runs")


ADEPT = (
    Broken("ADePT's published sensitivity, 64 entries", "adept", _published, watch_latents, 500),
    Broken("as many latents as there are members", "adept", _no_empty_seats, watch_seats, 150),
    Broken("latents in the order of the members", "adept", _order_of_members, watch_order, 80),
    Broken(
        "noise after the density around the word",
        "word-noise",
        _noise_by_density,
        watch_loudness,
        80,
    ),
)
