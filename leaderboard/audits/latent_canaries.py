"""Audits of privatised text: latents as far apart as can be go in, noisy latents are watched.

The mechanism is the scheme's own. The auditor writes down the latents of one utterance with the
canary and without, before they are cut, and so needs no encoder. Two pairs are tried: the two ends
of one axis, which are farthest apart in the sum of their entries, and two opposite corners, which
show a ball that is cut in another norm than the noise goes by. A run audits one at the settings of
its rows; the zoo of broken mechanisms runs many.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks.statistics.evidence import Trials
from defenses.text.mechanism import NoisyLatents, cut
from leaderboard.audits.gradient_canaries import Evidence
from targets.core.randomness import Randomness

FAR = 1e4  # of a latent before it is cut
TIE = 1e-9  # of the sum of entries: whole regions have one Laplace ratio, and need an order


def ends(entries: int) -> dict[str, Tensor]:
    """Return one end (n,) of each pair of latents; the other is its opposite."""
    axis = torch.zeros(entries, dtype=torch.float64)
    axis[0] = FAR
    return {"axis": axis, "corner": torch.full((entries,), FAR, dtype=torch.float64)}


def many_runs(mechanism: NoisyLatents, entries: int, runs: int, rng: Randomness) -> Evidence:
    """Release one utterance's latent `runs` times from each end of each pair."""
    alone = replace(mechanism, seats=1)
    trials = {}
    for name, end in ends(entries).items():
        scores: dict[bool, list[float]] = {True: [], False: []}
        for number in range(2 * runs):
            inside = number % 2 == 0
            latent = end if inside else -end
            seen = alone.released(latent[None], rng.child(name, number))
            scores[inside].append(float(likelihood(alone, end, seen)[0]))
        members, others = (np.array(scores[inside]) for inside in (True, False))
        trials[name] = Trials(members, others, "utterance", "many_runs")
    return Evidence(mechanism.event, trials)


def side_by_side(mechanism: NoisyLatents, entries: int, canaries: int, rng: Randomness) -> Evidence:
    """Watch what very many devices send, each from one end of an axis or the other by its coin.

    Noise is drawn anew for each, so that each is a run of its own; the order of chance, which the
    price does not count on, is left out.
    """
    end = ends(entries)["axis"]
    coins = rng.child("coins").numpy().random(canaries) < 0.5
    signs = torch.tensor(np.where(coins, 1.0, -1.0))
    seen = mechanism.noisy(signs[:, None] * end, rng.child("noise").torch())
    scores = likelihood(mechanism, end, seen)
    trials = Trials(scores[coins], scores[~coins], "utterance", "many_runs")
    return Evidence(mechanism.event, {"latents": trials})


def likelihood(mechanism: NoisyLatents, end: Tensor, seen: Tensor) -> NDArray[np.float64]:
    """Return how much likelier each noisy latent (N, n) is from an end (n,) than its opposite.

    Up to the scale of the noise, which orders nothing.
    """
    near = cut(end, mechanism.noise)
    along = seen @ near
    if mechanism.noise == "gaussian":
        return along.numpy()
    ratio = (seen + near).abs().sum(-1) - (seen - near).abs().sum(-1)
    return (ratio + TIE * along).numpy()
