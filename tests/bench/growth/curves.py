"""What was measured at growing sizes, the slopes of it, and a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tabulate import tabulate

Slope = Callable[[Sequence[int], Sequence[float]], float]


class Panel(NamedTuple):
    """A quantity with its unit, and the values (S,) of each curve at S sizes."""

    quantity: str
    unit: str
    curves: Mapping[str, Sequence[float]]


class Growth(NamedTuple):
    """Panels against so many (S,) of something, and how the slope of a curve is taken."""

    of: str
    sizes: Sequence[int]
    panels: Sequence[Panel]
    slope: Slope


def slope_of_added(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Return by which power values grow beyond the first, by the two largest sizes: 1 is linear.

    NaN where there are less than three sizes, or the largest adds less than nothing.
    """
    return slope([n - sizes[0] for n in sizes[1:]], [value - values[0] for value in values[1:]])


def slope(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Return by which power values grow, by the two largest sizes; NaN where that says nothing."""
    if len(sizes) < 2 or min(values[-2:]) <= 0:
        return math.nan
    return math.log(values[-1] / values[-2]) / math.log(sizes[-1] / sizes[-2])


def table(growth: Growth) -> str:
    """Return the values of all panels side by side at each size, each with its slope."""
    names = list(growth.panels[0].curves)
    rows = [
        [name, *(cell for p in growth.panels for cell in _cells(growth, p, name))] for name in names
    ]
    headers = [
        growth.of,
        *([*(f"{size:,}" for size in growth.sizes), "slope"] * len(growth.panels)),
    ]
    return tabulate(rows, headers, "github", disable_numparse=True)


def _cells(growth: Growth, panel: Panel, name: str) -> list[str]:
    digits = 0 if panel.unit == "MB" else 1
    values = [f"{value:,.{digits}f} {panel.unit}" for value in panel.curves[name]]
    return [*values, slope_text(growth, panel, name)]


def slope_text(growth: Growth, panel: Panel, name: str) -> str:
    """Return the slope of a curve with two decimals, a dash where there is none."""
    found = growth.slope(growth.sizes, panel.curves[name])
    return "-" if math.isnan(found) else f"{found:.2f}"
