"""Simulated membership games whose true ε is known: the ground that every bound is tested on.

Each game is a mechanism that answers every candidate by itself, calibrated so that its tightest ε
at δ is exactly the one asked for. What it releases is the score, or as good as the score: the
likelihood ratio is monotone in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

from attacks.statistics.evidence import Design, Noise, Scores, Trials
from attacks.statistics.gdp import mu_from_epsilon

Coins = npt.NDArray[np.bool_]


class Game(Protocol):
    """A mechanism with a known ε: coins in, scores out."""

    @property
    def name(self) -> str:
        """What the mechanism is called in a table."""
        ...

    @property
    def noise(self) -> Noise:
        """Whether bounds that need a Gaussian trade-off curve are valid for it."""
        ...

    def draw(self, coins: Coins, epsilon: float, delta: float, rng: np.random.Generator) -> Scores:
        """Return one score per coin from a mechanism that is exactly (ε, δ)-DP."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """The coin plus Gaussian noise."""

    name: str = "Gaussian"
    noise: Noise = "gaussian"

    def draw(self, coins: Coins, epsilon: float, delta: float, rng: np.random.Generator) -> Scores:
        """Return N(μ, 1) for members and N(0, 1) for others."""
        return rng.standard_normal(coins.shape) + mu_from_epsilon(epsilon, delta) * coins


@dataclass(frozen=True)
class Laplace:
    """The coin plus Laplace noise."""

    name: str = "Laplace"
    noise: Noise = "any"

    def draw(self, coins: Coins, epsilon: float, delta: float, rng: np.random.Generator) -> Scores:
        """Return unit Laplace noise, shifted for members by the pure ε that leaves ε at δ."""
        return rng.laplace(size=coins.shape) + laplace_shift(epsilon, delta) * coins


def laplace_shift(epsilon: float, delta: float) -> float:
    """Return how far unit Laplace noise may shift to be (ε, δ)-DP: δ = 1 - exp((ε - shift) / 2)."""
    return epsilon - 2.0 * math.log1p(-delta)


@dataclass(frozen=True)
class RandomisedResponse:
    """The coin, told rightly or wrongly: the mechanism on which (ε, δ) says all there is."""

    name: str = "randomised response"
    noise: Noise = "any"

    def draw(self, coins: Coins, epsilon: float, delta: float, rng: np.random.Generator) -> Scores:
        """Return 1 or 0, right with probability (e^ε + δ) / (e^ε + 1)."""
        right = (math.exp(epsilon) + delta) / (math.exp(epsilon) + 1.0)
        return np.where(rng.random(coins.shape) < right, coins, ~coins).astype(np.float64)


@dataclass(frozen=True)
class SubsampledGaussian:
    """A Gaussian mechanism that uses a member with probability `rate` only: one step of DP-SGD."""

    rate: float = 0.25
    name: str = "subsampled Gaussian"
    noise: Noise = "gaussian"

    def draw(self, coins: Coins, epsilon: float, delta: float, rng: np.random.Generator) -> Scores:
        """Return N(μ, 1) for members that were sampled and N(0, 1) for everyone else."""
        used = coins & (rng.random(coins.shape) < self.rate)
        return rng.standard_normal(coins.shape) + subsampled_mu(self.rate, epsilon, delta) * used


@lru_cache(maxsize=1_000)
def subsampled_mu(rate: float, epsilon: float, delta: float) -> float:
    """Return the μ of a query that is (ε, δ)-DP when it uses a member with probability `rate`."""
    high = 1.0
    while subsampled_delta(rate, high, epsilon) < delta:
        high *= 2.0
    return float(brentq(lambda mu: subsampled_delta(rate, mu, epsilon) - delta, 1e-9, high))


def subsampled_delta(rate: float, mu: float, epsilon: float) -> float:
    """Return δ(ε) of one step, the larger of adding and removing a record.

    The likelihood ratio (1 - s) + s exp(μx - μ²/2) rises with x, so that both of the sets that
    attain δ are half-lines.
    """
    grow = math.expm1(epsilon) / rate + 1.0  # the ratio of N(μ, 1) where the mixture's is e^ε
    cut = math.log(grow) / mu + mu / 2
    mixture = (1 - rate) * ndtr(-cut) + rate * ndtr(mu - cut)
    removed = float(mixture - math.exp(epsilon) * ndtr(-cut))
    shrink = math.expm1(-epsilon) / rate + 1.0
    if shrink <= 0.0:
        return removed
    cut = math.log(shrink) / mu + mu / 2
    mixture = (1 - rate) * ndtr(cut) + rate * ndtr(cut - mu)
    return max(removed, float(ndtr(cut) - math.exp(epsilon) * mixture))


GAMES: tuple[Game, ...] = (Gaussian(), Laplace(), RandomisedResponse(), SubsampledGaussian())


def play(
    game: Game,
    design: Design,
    n: int,
    epsilon: float,
    delta: float,
    rng: np.random.Generator,
) -> Trials:
    """Return the trials of one audit: 2n fair coins in one run, or n in and n out in many runs."""
    if design == "one_run":
        coins = rng.random(2 * n) < 0.5
        while coins.all() or not coins.any():
            coins = rng.random(2 * n) < 0.5
    else:
        coins = np.arange(2 * n) < n
    scores = game.draw(coins, epsilon, delta, rng)
    return Trials(scores[coins], scores[~coins], "utterance", design)
