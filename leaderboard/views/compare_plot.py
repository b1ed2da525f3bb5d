"""The comparison as a picture: claimed ε against audited ε and against word error rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leaderboard.views.compare import compared
from leaderboard.views.table import PROVEN, TITLES, UNDEFENDED, Row
from targets.core.errors import OverheardError
from targets.core.estimate import Estimate
from targets.core.files import whole_file

# Okabe and Ito's palette: told apart by colour-blind readers, and by their shapes in grey.
UNDEFENDED_STYLE = ("#000000", "o")
STYLES = (
    ("#0072B2", "s"), ("#E69F00", "^"), ("#009E73", "D"), ("#CC79A7", "v"), ("#D55E00", "P"),
    ("#56B4E9", "X"),
)  # fmt: skip
WIDTH, HEIGHT, DPI = 10.0, 4.3, 100  # inches of one row of panels: 1000 pixels across
DODGE = 0.05  # decades between the schemes of one ε
TINY_EPSILON = 0.1  # below it the axis of audited ε is linear, so that 0 has a place

# What is proven in the worst case, and of the mechanism: the marker of the scheme, half and open.
FURTHER: dict[str, Literal["left", "none"]] = dict(zip(PROVEN[1:], ("left", "none"), strict=True))

Style = tuple[str, str]


def draw(folders: Sequence[Path], path: Path) -> None:
    """Draw a row of two panels a folder of records, and write them as a PNG file.

    Raises:
        OverheardError: the file's name does not end in .png, or there is no folder.
    """
    if path.suffix.lower() != ".png":
        raise OverheardError(f"--plot {path}: the picture is a PNG file, name it so")
    if not folders:
        raise OverheardError(f"--plot {path}: the picture is of runs, give the folder of one")
    parts = [compared(folder) for folder in folders]
    figure = Figure(figsize=(WIDTH, HEIGHT * len(parts) + 0.6), layout="constrained")
    panels = figure.subplots(len(parts), 2, squeeze=False)
    styles = styles_of([row["scheme"] for part in parts for row in part])
    for (left, right), part in zip(panels, parts, strict=True):
        shown = {scheme: style for scheme, style in styles.items() if _of(part, scheme)}
        _audits(left, part, shown)
        _error_rates(right, part, shown)
        left.set_title(f"{part[0]['suite']}: what is promised and what is proven")
        right.set_title(f"{part[0]['suite']}: what it costs")
    handles = {
        label: handle
        for axes in panels[:, 0]
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False
    )
    with whole_file(path) as aside:
        figure.savefig(aside, format="png", dpi=DPI)


def styles_of(schemes: Sequence[str]) -> dict[str, Style]:
    """Return colour and marker of every scheme, the undefended first."""
    named = sorted(set(schemes) - {UNDEFENDED})
    styles = dict(zip(named, cycle(STYLES), strict=False))
    return ({UNDEFENDED: UNDEFENDED_STYLE} if UNDEFENDED in schemes else {}) | styles


def _of(part: Sequence[Row], scheme: str) -> list[Row]:
    return [row for row in part if row["scheme"] == scheme]


def _audits(axes: Axes, part: Sequence[Row], styles: Mapping[str, Style]) -> None:
    positions = _claims(axes, part, styles)
    edges = _edges(part)  # of promises: where there is none, none is false
    scored = [row[key] for row in part for key in PROVEN if row[key].scored]
    top = 2 * max([edges[1], *(_ceiling(e) for e in scored)])
    axes.fill_between(edges, edges, [top] * 2, color="#F4DCDC", lw=0, label="the promise is false")
    axes.plot(edges, edges, color="#8C2D2D", lw=1, label="audited = claimed")
    for scheme, (colour, marker) in styles.items():
        at = [(x, row["audited_epsilon"]) for x, row in positions[scheme]]
        at = [(x, audited) for x, audited in at if audited.scored]
        if not at:
            continue
        x = [place for place, _ in at]
        low = [audited.low for _, audited in at]
        # A lower bound is open upwards; what an attack could have proven ends at the ceiling.
        high = [_ceiling(audited) for _, audited in at]
        axes.vlines(x, low, high, color=colour, lw=1, alpha=0.6)
        axes.plot(x, high, "_", color=colour, ms=9)
        axes.plot(x, low, marker, color=colour, ms=7, label=scheme, clip_on=False, zorder=3)
        for key, filled in FURTHER.items():
            proofs = [(x, row[key].low) for x, row in positions[scheme] if row[key].scored]
            places, bounds = [x for x, _ in proofs], [bound for _, bound in proofs]
            axes.plot(places, bounds, marker, fillstyle=filled, color=colour, ms=7)
        false = [place for place, row in positions[scheme] if row["status"] == "falsified"]
        # A point that has stepped aside stands a little off its place against the line.
        axes.plot(false, [low[x.index(f)] for f in false], "o", mfc="none", mec="#8C2D2D", ms=13)
    axes.plot([], [], "_", color="#666666", ms=9, label="ceiling of the audit")
    if any(row[key].scored for row in part for key in FURTHER):
        for key, filled in FURTHER.items():
            label = f"proven: {TITLES[key]}"
            axes.plot([], [], "o", fillstyle=filled, color="#666666", ms=7, label=label)
    axes.set_yscale("symlog", linthresh=min(TINY_EPSILON, edges[0]), linscale=0.4)
    axes.set_ylim(0, top)
    axes.set_yticks([0, *_decades(TINY_EPSILON, top)])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("audited ε, 95 % lower bound")


def _error_rates(axes: Axes, part: Sequence[Row], styles: Mapping[str, Style]) -> None:
    for scheme, places in _claims(axes, part, styles).items():
        colour, marker = styles[scheme]
        measured = [(x, row["wer"]) for x, row in places if row["wer"].scored]
        for x, wer in measured:
            axes.vlines(x, 100 * wer.low, 100 * wer.high, color=colour, lw=1.5)
        values = [100 * wer.value for _, wer in measured]
        axes.plot([x for x, _ in measured], values, marker, color=colour, ms=7)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("word error rate, %")


def _claims(
    axes: Axes, part: Sequence[Row], styles: Mapping[str, Style]
) -> dict[str, list[tuple[float, Row]]]:
    """Lay out the axis of claimed ε; return where each scheme's rows stand on it."""
    low, apart = _edges(part)
    beyond = apart * 1.5  # the place of "none"
    axes.set_xscale("log")
    axes.set_xlim(low, beyond * 1.5)
    ticks = _decades(low, apart)
    axes.set_xticks([*ticks, beyond], [*(f"{tick:g}" for tick in ticks), "none"])
    axes.set_xticks([], minor=True)
    axes.axvline(apart, color="#BBBBBB", lw=1, ls=":")
    axes.set_xlabel("claimed ε")
    axes.grid(axis="y", color="#E8E8E8", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    promising = [scheme for scheme in styles if scheme != UNDEFENDED]
    places: dict[str, list[tuple[float, Row]]] = {}
    for scheme in styles:
        step = promising.index(scheme) - (len(promising) - 1) / 2 if scheme in promising else 0.0
        shift = 10 ** (DODGE * step)
        places[scheme] = [
            (beyond if row["epsilon"] is None else row["epsilon"] * shift, row)
            for row in _of(part, scheme)
            if row["epsilon"] != 0
        ]
    return places


def _edges(part: Sequence[Row]) -> tuple[float, float]:
    """Return the least and the largest ε that the axis of promises shows."""
    claims = [row["epsilon"] for row in part if row["epsilon"]] or [1.0]
    return min(claims) / 2, max(claims) * 2.5


def _ceiling(audited: Estimate) -> float:
    return audited.low if audited.ceiling is None else max(audited.low, audited.ceiling)


def _decades(low: float, high: float) -> list[float]:
    """Return the powers of ten and their half-way thirds between two numbers."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks = [digit * 10.0**exponent for exponent in exponents for digit in (1, 3)]
    return [mark for mark in marks if low <= mark <= high]
