"""Rényi accounting that is valid where one step gives next to nothing away.

Accountants that sum a step's whole moment, which is 1 and a little more, lose what is below 1e-16
of it; over a billion steps that is no little. Then ε comes out too small. Here only the little
more is summed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from dp_accounting import DpEvent, GaussianDpEvent, LaplaceDpEvent, PoissonSampledDpEvent
from dp_accounting.rdp import RdpAccountant, compute_epsilon
from dp_accounting.rdp.rdp_privacy_accountant import DEFAULT_RDP_ORDERS
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from defenses.accounting.event_algebra import Part, composed, merged, query_of

RESOLVED = 1e-8  # the least excess of a moment that is left to floating point
ORDERS = (*range(2, 65), 128, 256, 512, 1024)
# dp-accounting takes a hundred times as long for the divergence at a broken order.
WHOLE = tuple(int(order) for order in DEFAULT_RDP_ORDERS if float(order).is_integer())
BROKEN = tuple(order for order in DEFAULT_RDP_ORDERS if not float(order).is_integer())
DIGITS = 1e-6  # relative; moments are summed to more


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
    """Return ε by δ of dp-accounting at its own orders, less those that cannot be the best."""
    event = composed(parts)
    queries = [part for part, _ in parts if not _is_sampled_gaussian(part)]
    known = all(isinstance(query, GaussianDpEvent | LaplaceDpEvent) for query in queries)
    try:
        if not known or len(queries) == len(parts):
            return RdpAccountant().compose(event).get_epsilon
        whole = RdpAccountant(orders=WHOLE).compose(event)
    except ZeroDivisionError:  # Laplace noise of scale zero
        return lambda _: math.inf
    least = _least_divergences(whole.rdp)

    @cache
    def divergence(order: float) -> float:
        return float(RdpAccountant(orders=[order]).compose(event).rdp[0])

    def epsilon(delta: float) -> float:
        best = whole.get_epsilon(delta)
        bounds = {order: _epsilon_at(order, least[order], delta) for order in BROKEN}
        for order in sorted(BROKEN, key=lambda order: bounds[order]):
            if bounds[order] <= best:
                best = min(best, _epsilon_at(order, divergence(order), delta))
        return float(best)

    return epsilon


def _least_divergences(at_whole: NDArray[np.float64]) -> dict[float, float]:
    """Return a lower bound on the divergence at each broken order, from those at whole ones.

    The logarithm of a moment, (α - 1) times the divergence at α, is convex in α, and 0 at 1. So
    it lies nowhere below a chord through two orders on one side of α, drawn on.
    """
    moments = {1: 0.0} | {n: (n - 1) * float(d) for n, d in zip(WHOLE, at_whole, strict=True)}
    least = {}
    for order in BROKEN:
        n = math.floor(order)
        chords = [(n + 1, n + 2)] + [(n - 1, n)] * (n > 1)
        ends = [moments[a] + (moments[b] - moments[a]) * (order - a) for a, b in chords]
        moment = max([x for x in ends if math.isfinite(x)], default=0.0)
        least[order] = max(moment - DIGITS * moments[n + 2], 0.0) / (order - 1)
    return least


def _epsilon_at(order: float, divergence: float, delta: float) -> float:
    return float(compute_epsilon([order], [divergence], delta)[0])


def _is_sampled_gaussian(part: DpEvent) -> bool:
    return isinstance(part, PoissonSampledDpEvent) and _is_gaussian(part)


def _is_gaussian(part: DpEvent) -> bool:
    query = query_of(part)
    return isinstance(query, GaussianDpEvent) and query.noise_multiplier > 0


def _settings(part: DpEvent) -> tuple[float, float]:
    """Return sampling rate and noise of a Gaussian query."""
    if isinstance(part, PoissonSampledDpEvent):
        return part.sampling_probability, part.event.noise_multiplier
    return 1.0, part.noise_multiplier


def _unresolved(part: DpEvent) -> bool:
    if not _is_sampled_gaussian(part):
        return False
    rate, noise = _settings(part)
    # In roots, for the square of a small rate is zero.
    return 0 < rate * math.sqrt(math.expm1(min(noise**-2, 700.0))) < math.sqrt(RESOLVED)
