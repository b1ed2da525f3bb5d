"""How far a planted secret stands out among all the secrets it could have been, in bits.

Source: Carlini, Liu, Erlingsson, Kos and Song (2019), "The Secret Sharer". A canary the model has
never seen takes a uniform rank and has 1.44 bits on average; one that it ranks first among |R| has
log2 |R|. A higher score means "was a member": give minus the loss.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.integrate import quad
from scipy.special import betaincinv, stdtrit
from scipy.stats import skewnorm

from attacks.statistics.evidence import Scores, check_level
from targets.core.estimate import Estimate

# The skewness a skew-normal can have ends at 0.9953; the fit stays short of it.
_LARGEST_SKEW = 0.99


def exposure(canary_score: float, other_scores: npt.ArrayLike) -> float:
    """Return log2 |R| - log2 rank, over the whole space R.

    `other_scores`, shape (|R| - 1,), are the scores of every other secret in the space. Ties count
    against the canary: a model that scores all alike exposes nothing.

    Raises:
        ValueError: for a score that is not finite.
    """
    others = _finite(other_scores)
    _finite([canary_score])
    rank = 1 + int(np.sum(others >= canary_score))
    return math.log2(len(others) + 1) - math.log2(rank)


def extrapolated_exposure(canary_score: float, reference_scores: npt.ArrayLike) -> float:
    """Return -log2 P[reference >= canary], by a skew-normal fitted to a sample of the space.

    For spaces too large to score. The fit matches the first three moments, which needs no
    optimiser; far beyond the sample the figure is as good as the skew-normal assumption, and
    it is not limited by the sample's size.

    Raises:
        ValueError: for fewer than 10 references, references without spread, or NaN.
    """
    references = _finite(reference_scores)
    _finite([canary_score])
    if len(references) < 10:
        raise ValueError(f"{len(references)} reference scores cannot be extrapolated; give 10")
    shape, location, scale = _fit_skew_normal(references)
    return -_log_upper_tail((canary_score - location) / scale, shape) / math.log(2)


def mean_exposure(exposures: npt.ArrayLike, space_size: float, level: float = 0.95) -> Estimate:
    """Return the mean exposure of several canaries in bits, with ceiling log2 |R|.

    The interval is Student's t over the canaries, cut at 0 and the ceiling. Where all canaries
    agree it has no width; then the lower end is the mean times the Clopper-Pearson limit of the
    share of canaries that would agree, exposure being at least 0 for the rest, and the upper end
    accordingly. One canary leaves the whole range open but for that limit.

    Raises:
        ValueError: for no canary, or an exposure outside [0, log2 |R|].
    """
    check_level(level)
    bits = _finite(exposures)
    ceiling = math.log2(space_size)
    if not len(bits):
        raise ValueError("no canary to average over")
    if bits.min() < -1e-9 or bits.max() > ceiling + 1e-9:
        raise ValueError(f"exposures must lie between 0 and log2 |R| = {ceiling:.4g} bits")
    value = float(bits.mean())
    tail = (1 - level) / 2
    if len(bits) > 1 and bits.std() > 0:
        half = float(stdtrit(len(bits) - 1, 1 - tail) * bits.std(ddof=1)) / math.sqrt(len(bits))
        low, high = max(0.0, value - half), min(ceiling, value + half)
        method = f"exposure, Student's t over {len(bits)} canaries"
    else:
        agree = float(betaincinv(len(bits), 1, tail))
        low, high = value * agree, value * agree + ceiling * (1 - agree)
        method = f"exposure, {len(bits)} canaries that agree"
    return Estimate(value, low, high, level, method, ceiling)


def _finite(raw: npt.ArrayLike) -> Scores:
    scores = np.asarray(raw, dtype=np.float64).ravel()
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    return scores


def _fit_skew_normal(sample: Scores) -> tuple[float, float, float]:
    """Return shape, location and scale of the skew-normal with the sample's first three moments."""
    mean, deviation = float(sample.mean()), float(sample.std())
    if deviation == 0.0:
        raise ValueError("the reference scores have no spread: nothing to extrapolate")
    skew = float(np.mean(((sample - mean) / deviation) ** 3))
    skew = math.copysign(min(abs(skew), _LARGEST_SKEW), skew)
    power = abs(skew) ** (2 / 3)
    slant = math.sqrt(math.pi / 2 * power / (power + ((4 - math.pi) / 2) ** (2 / 3)))
    slant = math.copysign(slant, skew)
    shape = slant / math.sqrt(1 - slant**2)
    scale = deviation / math.sqrt(1 - 2 * slant**2 / math.pi)
    return shape, mean - scale * slant * math.sqrt(2 / math.pi), scale


def _log_upper_tail(x: float, shape: float) -> float:
    """Return ln P[X >= x] of the standard skew-normal, accurate also where P underflows."""
    if x < 1.0:
        return float(skewnorm.logsf(x, shape))
    # Factor the density at x out of the integral; beyond x = 1 it falls at least exponentially,
    # so that the rest is of order one and quadrature keeps its relative accuracy.
    peak = float(skewnorm.logpdf(x, shape))
    rest, _ = quad(
        lambda step: math.exp(float(skewnorm.logpdf(x + step, shape)) - peak), 0.0, math.inf
    )
    return peak + math.log(rest)
