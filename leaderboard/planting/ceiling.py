"""What a game can show before anything is trained: the ε that a perfect attack would prove."""

from __future__ import annotations

import math

import numpy as np

from attacks.statistics.audit import audited_epsilon
from attacks.statistics.evidence import Noise, Trials

LEVEL = 0.95
MOST = 200_000  # candidates that are thought about


def ceiling(candidates: int, delta: float, noise: Noise = "any", level: float = LEVEL) -> float:
    """Return the largest ε that an audit of so many coins can show, if half of them show heads."""
    if candidates < 2:
        return 0.0
    heads = np.arange(candidates) % 2
    trials = Trials(heads[heads == 1], heads[heads == 0], "utterance", "one_run")
    found = audited_epsilon(trials, delta=delta, level=level, noise=noise).ceiling
    return 0.0 if found is None or math.isnan(found) else found


def needed(claim: float, delta: float, noise: Noise = "any", level: float = LEVEL) -> int | None:
    """Return how many candidates it takes, to two digits, for a ceiling above a claimed ε.

    None where `MOST` do not suffice: with δ so large for so many, no audit of this kind can.
    """
    # With δ the ceiling rises, then falls: steps of two could pass over its peak.
    few, enough, steps = 8, 16, 0
    while not ceiling(enough, delta, noise, level) > claim:
        steps += 1
        few, enough = enough, round(16 * 2 ** (steps / 2))
        if enough > MOST:
            return None
    while enough - few > max(1, enough // 100):
        middle = (few + enough) // 2
        few, enough = (
            (few, middle) if ceiling(middle, delta, noise, level) > claim else (middle, enough)
        )
    return enough
