"""What the update of one device gives away: its weights before and after it learnt an utterance."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from attacks.inversion.prior import SpeechPrior
from attacks.inversion.update_leakage import Update, most_frames, reconstructed
from attacks.statistics.gdp import mu_from_epsilon
from defenses.dpsgd.clipping import Gradients
from defenses.federated.local_training import LocalTraining, norm_of
from leaderboard.experiment.panel.cells import CLIP, DELTA, EPSILONS, RATE, STEPS
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.features import HOP
from targets.speech.utterance import SAMPLE_RATE, Utterance


def seconds_held(start: Recognizer) -> float:
    """Return the seconds than which an utterance has to be shorter to come back whole.

    It has then no more windows than the update has rows. The target that gives nothing back has 0.
    """
    return most_frames(start) * HOP / SAMPLE_RATE


def rebuilt(
    start: Recognizer, utterance: Utterance, prior: SpeechPrior, rng: Randomness
) -> dict[float | None, Tensor]:
    """Return the frames (1, T, M) that come back of an utterance, by ε of the noise; None: no DP.

    A device takes `STEPS` steps from the public start on this utterance alone. For an ε its update
    is clipped, and released once with Gaussian noise. Where that hides all, what comes back is the
    mean speaker of `prior`.
    """
    counts = start.logmel([utterance])[1]
    local = LocalTraining(STEPS, batch_size=1, learning_rate=RATE)
    moved = local.update(start, start.examples([utterance]), rng.child("steps"))
    factor = CLIP / max(float(norm_of(list(moved.values()))), CLIP)
    found: dict[float | None, Tensor] = {}
    found[None] = reconstructed([Update(start, _after(start, moved))], counts, prior)
    for epsilon in EPSILONS:
        sigma = CLIP / mu_from_epsilon(epsilon, DELTA)
        noise = rng.child("noise", f"{epsilon:g}").torch(counts.device)
        released = {
            weight: factor * move
            + sigma * torch.randn(move.shape, generator=noise, device=move.device)
            for weight, move in moved.items()
        }
        update = Update(start, _after(start, released))
        found[epsilon] = reconstructed([update], counts, prior, sigma)
    return found


def _after(start: Recognizer, moved: Gradients) -> Recognizer:
    """Return the start with its weights moved."""
    after = copy.deepcopy(start)
    with torch.no_grad():
        for old, new in zip(start.network.parameters(), after.network.parameters(), strict=True):
            if old in moved:
                new += moved[old]
    return after
