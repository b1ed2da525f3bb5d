"""The algebra of events: their parts, and fewer parts that cost the same or a little more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from dp_accounting import (
    ComposedDpEvent,
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
)

from targets.core.errors import OverheardError

# Every further kind of step takes all accountants about a tenth of a second more.
MOST_KINDS = 8
MOST_STEPS = 10**15  # nobody takes more, and the accountants count in floats,
LEAST_NOISE = 1e-100  # whose squares must neither vanish nor, of its inverse, overflow

NoiseKind = Literal["gaussian", "any"]
Part = tuple[DpEvent, int]  # an event that holds no other in sequence, and how often it happened


def parts_of(event: DpEvent) -> list[Part]:
    """Return the events of which an event is composed, each with how often it happened.

    Raises:
        OverheardError: a number in it is out of range. (dp-accounting prices NaN at zero.)
    """
    if isinstance(event, ComposedDpEvent):
        return [part for e in event.events for part in parts_of(e)]
    if isinstance(event, SelfComposedDpEvent):
        if not (isinstance(event.count, int) and event.count > 0):
            raise OverheardError(f"{event!r}: the count must be a whole number above 0")
        parts = [(part, times * event.count) for part, times in parts_of(event.event)]
        if any(times > MOST_STEPS for _, times in parts):
            raise OverheardError(f"{event!r}: more than {MOST_STEPS:.0e} steps have no price")
        return parts
    if not (noise_of(event) == 0 or LEAST_NOISE <= noise_of(event) <= 1 / LEAST_NOISE):
        raise OverheardError(
            f"{event!r}: the noise must be 0, or from {LEAST_NOISE:g} to {1 / LEAST_NOISE:g}"
        )
    if isinstance(event, PoissonSampledDpEvent):
        if not 0 <= event.sampling_probability <= 1:
            raise OverheardError(f"{event!r}: the sampling probability must be in [0, 1]")
        if event.sampling_probability == 1:
            return parts_of(event.event)
    return [(event, 1)]


def composed(parts: Sequence[Part]) -> DpEvent:
    """Return the event of which these are the parts."""
    return ComposedDpEvent([SelfComposedDpEvent(part, times) for part, times in parts])


def merged(parts: Sequence[Part]) -> list[Part]:
    """Return parts of the same price: equal ones counted together, all Gaussian queries as one."""
    counts: dict[str, Part] = {}  # by what an event says of itself: composed ones have no hash
    inverses = []
    for part, times in parts:
        if isinstance(part, GaussianDpEvent):
            noise = part.noise_multiplier
            inverses.append(math.sqrt(times) / noise if noise else math.inf)
        else:
            counts[repr(part)] = (part, counts.get(repr(part), (part, 0))[1] + times)
    if inverses:
        counts["Gaussian"] = (GaussianDpEvent(1 / math.hypot(*inverses)), 1)
    return list(counts.values())


def coarsened(parts: Sequence[Part]) -> list[Part]:
    """Return at most `MOST_KINDS` parts where there were more, that cost a little more.

    Noise is rounded down and sampling rates up, to powers of the least ratio that will do.
    """
    found, ratio = list(parts), 1.001
    while len(found) > MOST_KINDS and ratio < math.inf:
        found = merged([(_rounded(part, ratio), times) for part, times in parts])
        ratio *= ratio
    return found


def _rounded(part: DpEvent, ratio: float) -> DpEvent:
    if isinstance(part, PoissonSampledDpEvent):
        return PoissonSampledDpEvent(
            _up(part.sampling_probability, ratio), _rounded(part.event, ratio)
        )
    if isinstance(part, GaussianDpEvent | LaplaceDpEvent):
        return type(part)(_down(part.noise_multiplier, ratio))
    return part


def _down(noise: float, ratio: float) -> float:
    exponent = math.log(noise) / math.log(ratio) if noise else 0.0
    return min(noise, ratio ** math.floor(exponent))


def _up(rate: float, ratio: float) -> float:
    return max(rate, ratio ** math.ceil(math.log(rate) / math.log(ratio))) if rate else 0.0


def query_of(part: DpEvent) -> DpEvent:
    """Return the query of a part, sampled or not."""
    return part.event if isinstance(part, PoissonSampledDpEvent) else part


def noise_of(event: DpEvent) -> float:
    """Return the noise multiplier of one part of an event, 0 where it has none."""
    if isinstance(event, PoissonSampledDpEvent):
        return noise_of(event.event)
    return float(getattr(event, "noise_multiplier", 0.0))


def noise_kind(event: DpEvent) -> NoiseKind:
    """Return "gaussian" where all queries of an event are Gaussian, or else "any".

    Compositions, repetitions and samples are looked through: those of Gaussian queries have
    trade-off curves above a Gaussian one. Without privacy, and of an unknown event, nothing is
    known: there the bound that assumes nothing is the honest one, although it is the smaller.
    """
    queries = list(_queries(event))
    gaussian = bool(queries) and all(isinstance(query, GaussianDpEvent) for query in queries)
    return "gaussian" if gaussian else "any"


def _queries(event: DpEvent) -> Iterator[DpEvent]:
    if isinstance(event, ComposedDpEvent):
        for inner in event.events:
            yield from _queries(inner)
    elif isinstance(event, SelfComposedDpEvent | PoissonSampledDpEvent):
        yield from _queries(event.event)
    else:
        yield event
