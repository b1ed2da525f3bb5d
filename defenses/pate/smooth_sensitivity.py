"""Publishing what votes cost on the data at hand, sanitised by smooth sensitivity.

The data-dependent cost of GNMax is a function of private votes. Its local sensitivity is bounded
at every distance from the data and smoothed (Nissim et al. 2007), and the cost is published with
Gaussian noise scaled by it (GNSS, Papernot et al. 2018, Appendix B), whose own cost is part of
what is published. That cost is worked out here from the divergence of two Gaussians; the closed
form given for it with the paper lies below that divergence.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from scipy.special import log_ndtr, ndtri, ndtri_exp

from defenses.accounting.price import Guarantee
from defenses.pate.rdp import ORDERS, Counts, Floats, epsilon_of, gnmax_log_q, gnmax_rdp
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

BASIS = "data-dependent, sanitised by smooth sensitivity"
# All that follows is fixed beforehand: chosen by the votes, it would tell of them.
SMOOTHING = 0.4  # b λ, whose limit is 1/2: the more, the less do far votes count
RELEASE_COST = 0.1  # RDP of each of the two figures published, for a smoothing of nothing
MISSED = 0.1  # share of δ: the chance that what is published is below the truth
TINY = 1e-100
GRID, DEPTH = 4_000, 40.0  # points, and how far below q0 they reach, in deviations


def local_sensitivities(counts: Counts, sigma: float, order: float) -> Floats:
    """Return by how much one teacher can move the cost of GNMax, at every distance (T + 1,).

    Entry d bounds the local sensitivity of the RDP at `order`, summed over the queries, at all
    votes that d of the T teachers can make of `counts` (Q, K). Papernot et al. 2018, Algorithms 3
    to 5: the worst votes at a distance are those that move between the two largest counts.

    Raises:
        OverheardError: the queries were not voted on by the same number of teachers.
    """
    teachers = teachers_of(counts)
    cost = _Cost(sigma, order, counts.shape[1])
    if not cost.varies:
        return np.zeros(teachers + 1)
    kinds, times = np.unique(np.sort(counts, axis=1)[:, ::-1], axis=0, return_counts=True)
    rising = gnmax_log_q(kinds, sigma) <= cost.log_q0  # towards q0, from below or from above
    found = np.full((teachers + 1, len(kinds)), cost.plateau)
    for row in found:
        log_q = gnmax_log_q(kinds, sigma)
        apart = np.where(rising, log_q < cost.log_q1, log_q > cost.log_q0)
        if not apart.any():
            break
        row[apart] = cost.local_sensitivity(log_q[apart])
        # Where all agree there is no way down to q0: calling it arrived is safe.
        rising |= kinds[:, 1] == 0
        step = np.where(apart, np.where(rising, -1, 1), 0)
        kinds[:, 0] += step
        kinds[:, 1] -= step
        kinds = np.sort(kinds, axis=1)[:, ::-1]
    return np.asarray(np.maximum.accumulate(found) @ times)


class _Cost:
    """The RDP β(q) of one GNMax vote among `classes`, and how far one teacher can move it.

    One vote moves q to at most B_U(q) and at least B_L(q). β grows up to q0 and is λ/σ² beyond.
    Up to q1 = B_L(q0) the reach is taken with its running maximum over a grid, so that nothing
    rests on its growing (condition C6 of the paper), which it does not for every σ and λ.
    """

    def __init__(self, sigma: float, order: float, classes: int) -> None:
        self.sigma, self.order, self.others = sigma, order, classes - 1
        self.always = order / sigma**2
        self.log_q0 = self._log_q0() if classes > 1 else -math.inf
        self.varies = math.isfinite(self.log_q0)

    def __call__(self, log_q: Floats) -> Floats:
        """Return β (N,) at log q (N,)."""
        found = gnmax_rdp(log_q, self.sigma, np.array([self.order]))[:, 0]
        return np.where(log_q < self.log_q0, found, self.always)

    @cached_property
    def log_q1(self) -> float:
        """B_L(q0): from here on one teacher can take q to where β is largest."""
        return float(self._moved(np.array([self.log_q0]), -1)[0])

    @cached_property
    def plateau(self) -> float:
        """The bound at q1, and between it and q0: nowhere is one teacher's reach longer."""
        below = self.always - float(self(np.array([self.log_q1]))[0])
        return max(below, float(self._highest[-1]))

    def local_sensitivity(self, log_q: Floats) -> Floats:
        """Return a bound (N,) that never falls as q nears q0: at q, and at all q farther off."""
        number = np.searchsorted(self._grid, log_q, side="right")
        farther = np.where(log_q < self.log_q0, np.append(0.0, self._highest)[number], 0.0)
        return np.maximum(self._reach(log_q), farther)

    def _reach(self, log_q: Floats) -> Floats:
        """Return how far one teacher moves β (N,), up or down."""
        here = self(log_q)
        return np.maximum(self(self._moved(log_q, 1)) - here, here - self(self._moved(log_q, -1)))

    def _moved(self, log_q: Floats, way: int) -> Floats:
        """Return log B_U(q) (way 1) or log B_L(q) (way -1), (N,)."""
        share = ndtri_exp(log_q - math.log(self.others)) + way * math.sqrt(2) / self.sigma
        return np.asarray(log_ndtr(share) + math.log(self.others))

    @cached_property
    def _grid(self) -> Floats:
        """Points log q (GRID,) up to q1, rising."""
        deviations = ndtri_exp(self.log_q1 - math.log(self.others)) - np.linspace(DEPTH, 0, GRID)
        return np.asarray(log_ndtr(deviations) + math.log(self.others))

    @cached_property
    def _highest(self) -> Floats:
        """The longest reach (GRID,) at the points of the grid and below."""
        return np.asarray(np.maximum.accumulate(self._reach(self._grid)))

    def _log_q0(self) -> float:
        """Return the largest log q, safely within Theorem 6, at which β is below λ/σ²."""

        def varies(log_q: float) -> bool:
            rdp = gnmax_rdp(np.array([log_q]), self.sigma, np.array([self.order]))
            return float(rdp[0, 0]) < self.always

        # Where the theorem's conditions hold with room to spare.
        high = -(max(1 + 1 / self.sigma, (self.order - 0.99) / self.sigma) ** 2)
        low = 1e6 * high
        if varies(high):
            return high
        if not varies(low):
            return -math.inf
        while low < high * (1 + 1e-12):
            middle = (low + high) / 2
            low, high = (middle, high) if varies(middle) else (low, middle)
        return low


def smooth_sensitivity(sensitivities: Floats, smoothing: float) -> float:
    """Return max over d of exp(-b d) LS_d (Nissim et al. 2007), b being the smoothing."""
    distances = np.arange(len(sensitivities))
    return float(np.max(np.exp(-smoothing * distances) * sensitivities))


def gnss_rdp(order: float, smoothing: float, noise: float) -> float:
    """Return the RDP of publishing F + S · N(0, noise²), S being b-smooth and bounding F's change.

    Neighbours have N(F, s²) and N(F', s'²) with |F - F'| <= min(S, S') and |ln S - ln S'| <= b.
    With r = s² / s'² and w = λ - (λ - 1) r, their divergence is
    -ln(r) / 2 - ln(w) / (2 (λ - 1)) + λ min(1, r) / (2 noise² w). Above r = 1 it grows; below, its
    first two terms are largest at the least r, and its last one at r = 1.

    Raises:
        ValueError: b is not below 1 / (2 λ).
    """
    if not 0 <= smoothing < 1 / (2 * order):
        raise ValueError(f"smoothing {smoothing:g} must be below 1 / (2 * {order:g})")

    def spread(log_r: float) -> float:
        return -log_r / 2 - math.log(weight(log_r)) / (2 * (order - 1))

    def weight(log_r: float) -> float:
        return order - (order - 1) * math.exp(log_r)

    far = 2 * smoothing
    shift = order / (2 * noise**2)
    return max(spread(far) + shift / weight(far), spread(-far) + shift)


def public_order(queries: int, sigma: float, delta: float) -> float:
    """Return an order that suits votes which cost about a quarter of what any votes would."""
    worst = epsilon_of(queries * ORDERS / sigma**2, delta)
    return float(np.clip(1 + 4 * math.log(1 / delta) / max(worst, 1e-3), 1.5, 256))


def sanitised(
    counts: Counts, sigma: float, delta: float, rng: Randomness, order: float | None = None
) -> Guarantee:
    """Return a guarantee for GNMax votes `counts` (Q, K) that may be published.

    The data-dependent RDP at one order is published with noise, together with its smooth
    sensitivity S (ln S moves by at most b), so that the published cost is raised by as much as
    the noise may have lowered it. The chance that it is still too low is MISSED of δ, and comes out
    of it. The published ε pays for the votes and for both figures. It may be worse than the price
    of the event, and is then still what was spent. One such figure may be published of a run.

    Raises:
        OverheardError: the order is not above 1, δ not in (0, 1), or the queries were not voted on
            by the same number of teachers.
    """
    order = public_order(len(counts), sigma, delta) if order is None else order
    check_release(delta, order)
    worst = len(counts) * order / sigma**2
    true = float(_Cost(sigma, order, counts.shape[1])(gnmax_log_q(counts, sigma)).sum())
    return released(
        true, local_sensitivities(counts, sigma, order), worst, delta, rng, order, "gnmax"
    )


def released(
    true: float,
    sensitivities: Floats,
    worst: float,
    delta: float,
    rng: Randomness,
    order: float,
    votes: str,
) -> Guarantee:
    """Return the guarantee of `sanitised` for votes whose RDP at `order` is `true`.

    `sensitivities` (T + 1,) are bounds on its local sensitivity at every distance, `worst` is what
    any votes would cost, and `votes` names the mechanism.
    """
    smoothing = SMOOTHING / order
    smooth = max(smooth_sensitivity(sensitivities, smoothing), TINY)  # as smooth, with a logarithm
    log_noise = smoothing * math.sqrt(order / (2 * RELEASE_COST))
    weight = order - (order - 1) * math.exp(2 * smoothing)
    noise = math.sqrt(order / (2 * RELEASE_COST * weight))
    safety = -float(ndtri(MISSED * delta / 2))
    first, second = rng.child("sanitising").numpy().normal(size=2)
    bound = smooth * math.exp(log_noise * (first + safety))  # of S, from the noisy ln S
    published = true + noise * smooth * second + noise * bound * safety
    rdp = min(max(published, 0.0), worst) + RELEASE_COST + gnss_rdp(order, smoothing, noise)
    epsilon = epsilon_of(np.array([rdp]), (1 - MISSED) * delta, np.array([order]))
    relation = "add or remove one utterance"
    return Guarantee(
        epsilon, delta, "utterance", relation, f"rdp of {votes} at order {order:.3g}, gnss", BASIS
    )


def check_release(delta: float, order: float) -> None:
    """Raise OverheardError unless something can be released at this δ and order."""
    if not 0 < delta < 1:
        raise OverheardError(f"delta must be in (0, 1): got {delta}")
    if not 1 < order < math.inf:
        raise OverheardError(f"order is {order:g}: give a number above 1")


def teachers_of(counts: Counts) -> int:
    """Return how many teachers voted on every query (Q, K).

    Raises:
        OverheardError: it is not the same number for all.
    """
    totals = np.unique(counts.sum(axis=1))
    if len(totals) != 1:
        raise OverheardError(
            f"queries were voted on by {totals[0]} to {totals[-1]} teachers: "
            "every teacher must vote on every query"
        )
    return int(totals[0])
