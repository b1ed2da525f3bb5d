"""Growth as a picture: a panel for each quantity, both axes logarithmic, slopes in the legend."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from leaderboard.views.compare_plot import STYLES
from tests.bench.growth.curves import Growth, Panel, slope_text

WIDTH, HEIGHT, DPI = 5.0, 4.3, 90  # inches of a panel


def draw(growth: Growth, path: Path) -> None:
    """Write the picture of a growth as a PNG file."""
    count = len(growth.panels)
    figure = Figure(figsize=(WIDTH * count, HEIGHT), layout="constrained")
    for axes, panel in zip(figure.subplots(1, count, squeeze=False)[0], growth.panels, strict=True):
        _panel(axes, growth, panel)
    figure.savefig(path, format="png", dpi=DPI)


def _panel(axes: Axes, growth: Growth, panel: Panel) -> None:
    for (name, values), (colour, marker) in zip(panel.curves.items(), STYLES, strict=False):
        label = f"{name}: {slope_text(growth, panel, name)}"
        axes.plot(growth.sizes, values, color=colour, marker=marker, markersize=5, label=label)
    axes.set(xscale="log", yscale="log", xlabel=growth.of)
    axes.set_ylabel(f"{panel.quantity}, {panel.unit}")
    axes.xaxis.set_major_locator(FixedLocator(list(growth.sizes)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.tick_params(axis="y", which="minor", labelsize=8)
    axes.grid(alpha=0.3)
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.15), "ncols": 2, "frameon": False}
    axes.legend(title="slope", fontsize=8, title_fontsize=8, **below)
