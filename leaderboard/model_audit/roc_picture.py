"""The curve of an attack on logarithmic axes, as SVG that needs no script."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 560, 420, 60, 46, 14, 30
COLOURS = ("#0b5f9c", "#b3541e", "#0a6650", "#7a3e9d", "#8a6d00")

Curve = Sequence[tuple[float, float]]


def picture(curves: Mapping[str, Curve], least: float) -> Markup:
    """Return the true positive rate over the false one, both from `least` to 1.

    Rates below `least` are drawn on the edge. The dashed line is chance.
    """
    decades = max(1, math.ceil(-math.log10(max(least, 1e-4))))
    low = 10.0**-decades

    def x(rate: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (1 + math.log10(max(rate, low)) / decades)

    def y(rate: float) -> float:
        return (
            HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (1 + math.log10(max(rate, low)) / decades)
        )

    parts = []
    for decade in range(-decades, 1):
        rate = 10.0**decade
        label = f"{100 * rate:g} %"
        parts += [
            f'<line class="grid" x1="{x(rate):.1f}" x2="{x(rate):.1f}" y1="{TOP}" '
            f'y2="{HEIGHT - BOTTOM}"/>',
            f'<line class="grid" y1="{y(rate):.1f}" y2="{y(rate):.1f}" x1="{LEFT}" '
            f'x2="{WIDTH - RIGHT}"/>',
            f'<text x="{x(rate):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
            f"{label}</text>",
            f'<text x="{LEFT - 8}" y="{y(rate) + 4:.1f}" text-anchor="end">{label}</text>',
        ]
    parts.append(f'<path class="chance" d="M{x(low):.1f} {y(low):.1f}L{x(1):.1f} {y(1):.1f}"/>')
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in _fine(curve, low))
        parts.append(
            f'<path d="M{points}" style="stroke:{colour}"><title>{escape(name)}</title></path>'
        )
    middle = (HEIGHT - BOTTOM + TOP) / 2
    parts += [
        f'<text x="{(WIDTH + LEFT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">held-out candidates '
        "taken for members</text>",
        f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">members '
        "found</text>",
    ]
    return Markup(
        f'<svg class="roc" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-label="Members found over false alarms, on logarithmic axes">'
        f"{''.join(parts)}</svg>"
    )


def legend(curves: Mapping[str, Curve]) -> list[tuple[str, str]]:
    """Return the name and the colour of each curve."""
    return [(name, COLOURS[n % len(COLOURS)]) for n, name in enumerate(curves)]


def _fine(curve: Curve, low: float) -> list[tuple[float, float]]:
    """Return a curve with points between its corners: straight lines are bent on these axes."""
    fine = [curve[0]]
    for (a, b), (c, d) in itertools.pairwise(curve):
        steps = 12 if c > max(a, low) else 1
        fine += [(a + (c - a) * n / steps, b + (d - b) * n / steps) for n in range(1, steps + 1)]
    return fine
