"""A figure with its interval, as the tables of studies show it."""

from __future__ import annotations

from targets.core.estimate import Estimate


def shown(estimate: Estimate) -> str:
    """Return a figure with its interval, or the dash of what cannot be measured."""
    if not estimate.scored:
        return "-"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def percent(rate: Estimate) -> str:
    """Return a rate in percent, with its interval."""
    return f"{100 * rate.value:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"
