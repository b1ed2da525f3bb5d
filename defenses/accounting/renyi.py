"""Rényi accounting that is valid where one step gives next to nothing away.

Accountants that sum a step's whole moment, which is 1 and a little more, lose what is below 1e-16
of it; over a billion steps that is no little. Then ε comes out too small. Here only the little
more is summed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from dp_accounting import DpEvent, GaussianDpEvent, PoissonSampledDpEvent
from dp_accounting.rdp import RdpAccountant, compute_epsilon
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from defenses.accounting.event_algebra import Part, composed, merged, query_of

RESOLVED = 1e-8  # the least excess of a moment that is left to floating point
ORDERS = (*range(2, 65), 128, 256, 512, 1024)


def renyi_curve(parts: Sequence[Part]) -> Callable[[float], float]:
    """Return ε by δ of Rényi accounting, at whole orders where dp-accounting would lose digits."""
    if not any(_unresolved(part) for part, _ in parts):
        return _curve_of(parts)
    if not all(_is_gaussian(part) for part, _ in parts):
        # Sampling can only help.
        every = [(query_of(part) if _unresolved(part) else part, n) for part, n in parts]
        return _curve_of(merged(every))
    total = sum(times * sampled_gaussian_rdp(*_settings(part)) for part, times in parts)
    return lambda delta: float(compute_epsilon(ORDERS, total, delta)[0])


def sampled_gaussian_rdp(rate: float, noise: float) -> NDArray[np.float64]:
    """Return the Rényi divergence of one sampled Gaussian query at each of `ORDERS`.

    With A the moment of whole order α (Mironov et al. 2019, arXiv 1908.10530), A - 1 =
    Σ_k C(α, k) (1 - q)^(α - k) q^k (e^{k(k-1)/2σ²} - 1), of which no term is negative.
    """
    if rate == 0.0:
        return np.zeros(len(ORDERS))
    if rate == 1.0:
        return np.array(ORDERS) / (2 * noise**2)
    found = []
    for order in ORDERS:
        k = np.arange(2, order + 1)
        x = k * (k - 1) / (2 * noise**2)
        chances = gammaln(order + 1) - gammaln(k + 1) - gammaln(order - k + 1)
        chances += (order - k) * math.log1p(-rate) + k * math.log(rate)
        excess = logsumexp(chances + np.log(-np.expm1(-x)) + x)
        found.append(np.logaddexp(0.0, excess) / (order - 1))
    return np.array(found)


def _curve_of(parts: Sequence[Part]) -> Callable[[float], float]:
    try:
        return RdpAccountant().compose(composed(parts)).get_epsilon
    except ZeroDivisionError:  # Laplace noise of scale zero
        return lambda _: math.inf


def _is_gaussian(part: DpEvent) -> bool:
    query = query_of(part)
    return isinstance(query, GaussianDpEvent) and query.noise_multiplier > 0


def _settings(part: DpEvent) -> tuple[float, float]:
    """Return sampling rate and noise of a Gaussian query."""
    if isinstance(part, PoissonSampledDpEvent):
        return part.sampling_probability, part.event.noise_multiplier
    return 1.0, part.noise_multiplier


def _unresolved(part: DpEvent) -> bool:
    if not (isinstance(part, PoissonSampledDpEvent) and _is_gaussian(part)):
        return False
    rate, noise = _settings(part)
    # In roots, for the square of a small rate is zero.
    return 0 < rate * math.sqrt(math.expm1(min(noise**-2, 700.0))) < math.sqrt(RESOLVED)
