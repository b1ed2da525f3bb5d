"""Votes as a picture: a block of six panels for each folder and target.

How teachers agreed, their leads against the noise, the labels' word errors against the number of
queries, the student's against ε, and which accounting bought what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leaderboard.views.compare_plot import DPI, Style, styles_of
from leaderboard.votes.kept import KeptVotes, LabelErrors
from leaderboard.votes.rows import DP_SGD, PUBLIC, SELF_TRAINED, VoteCell, VotesOf, read_votes
from targets.core.errors import OverheardError
from targets.core.files import whole_file

WIDTH, HEIGHT = 13.0, 7.6  # inches of one block: 1300 pixels across
NAMES = {"alone": "each vote\nalone", "exact": "exact", "renyi": "Rényi", "added": "added up"}
GREY, RED = "#666666", "#8C2D2D"


def draw(
    folders: Sequence[Path], path: Path, data: Path | None = None, target: str | None = None
) -> None:
    """Draw what the records of some folders say of votes, as a PNG file.

    Arguments are those of `votes_table`.

    Raises:
        OverheardError: the file's name does not end in .png, a folder holds no records of PATE, or
            the speech is not there.
    """
    if path.suffix.lower() != ".png":
        raise OverheardError(f"--plot {path}: the picture is a PNG file, name it so")
    found = [read_votes(folder, data, target) for folder in folders]
    blocks = [(one, cells) for one in found for cells in _by_target(one.cells)]
    figure = Figure(figsize=(WIDTH, HEIGHT * len(blocks)), layout="constrained")
    parts = figure.subfigures(len(blocks), 1, squeeze=False)[:, 0]
    for part, (one, cells) in zip(parts, blocks, strict=True):
        panels = part.subplots(2, 3)
        part.suptitle(f"{one.suite}: votes of {cells[0].row['target']}")
        styles = _styles(cells)
        _agreement(panels[0, 0], cells, styles)
        _leads(panels[0, 1], cells, styles)
        _labels(panels[0, 2], cells, styles)
        handles = _errors(panels[1, 0], one, cells, styles)
        _accounting(panels[1, 1], cells, styles)
        for axes in panels.flat:
            axes.spines[["top", "right"]].set_visible(False)
        panels[1, 2].axis("off")
        panels[1, 2].legend(handles.values(), handles.keys(), loc="center", frameon=False)
    with whole_file(path) as aside:
        figure.savefig(aside, format="png", dpi=DPI)


def _by_target(cells: Sequence[VoteCell]) -> list[list[VoteCell]]:
    targets = dict.fromkeys(cell.row["target"] for cell in cells)
    return [[cell for cell in cells if cell.row["target"] == target] for target in targets]


def _name(cell: VoteCell) -> str:
    return f"{cell.row['scheme']}, ε = {cell.epsilon:g}"


def _styles(cells: Sequence[VoteCell]) -> dict[str, Style]:
    return styles_of([_name(cell) for cell in cells])


def _without(axes: Axes, why: str) -> None:
    """Say in the place of a panel why there is none."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", wrap=True, color=GREY)


def _agreement(axes: Axes, cells: Sequence[VoteCell], styles: Mapping[str, Style]) -> None:
    axes.set_title("How far teachers agree")
    why = ""
    for cell in cells:
        colour, _ = styles[_name(cell)]
        for one in cell.seeds:
            if isinstance(one.kept, str):
                why = one.kept
                continue
            shares = np.sort(one.kept.shares)[::-1]
            axes.step(np.arange(len(shares)) + 1, shares, color=colour, where="mid", lw=1)
    if not axes.lines:
        _without(axes, f"Agreement of teachers: {why}")
        return
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("queries, the surest first")
    axes.set_ylabel("share of teachers for the most voted")


def _leads(axes: Axes, cells: Sequence[VoteCell], styles: Mapping[str, Style]) -> None:
    axes.set_title("Leads against the noise")
    asked = max(one.queries for cell in cells for one in cell.seeds)
    for cell in cells:
        colour, _ = styles[_name(cell)]
        axes.axhline(cell.row["lead_needed"], color=colour, lw=1, ls="--")
        for one in cell.seeds:
            if isinstance(one.kept, KeptVotes):
                leads = np.sort(one.kept.leads)[::-1]
                axes.step(np.arange(len(leads)) + 1, leads, color=colour, where="mid", lw=1)
    axes.axhline(cells[0].seeds[0].teachers, color="#000000", lw=1, ls=":")
    axes.text(asked, cells[0].seeds[0].teachers, "all teachers", ha="right", va="bottom")
    axes.set_xlim(1, max(asked, 2))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("queries, the surest first; dashed: the lead needed")
    axes.set_ylabel("votes")


def _labels(axes: Axes, cells: Sequence[VoteCell], styles: Mapping[str, Style]) -> None:
    axes.set_title("Labels against queries")
    why = ""
    for cell in cells:
        colour, _ = styles[_name(cell)]
        known = [one.labels for one in cell.seeds if isinstance(one.labels, LabelErrors)]
        if not known:
            why = str(cell.seeds[0].labels)
            continue
        # Seeds answer about as many queries, and Confident-GNMax not as many in each.
        fewest = min(len(labels.voted) for labels in known)
        for part, style in (("voted", "-"), ("unvoted", ":")):
            each = [np.cumsum(getattr(labels, part)[:fewest], axis=0) for labels in known]
            counts = np.sum(each, axis=0)
            rates = 100 * counts[:, 0] / counts[:, 1]
            axes.plot(np.arange(fewest) + 1, rates, style, color=colour, lw=1.5)
    if not axes.lines:
        _without(axes, f"Word errors of labels: {why}")
        return
    axes.set_ylim(bottom=0)
    axes.set_xlabel("answered queries; dotted: without votes")
    axes.set_ylabel("word error rate of the labels, %")


def _errors(
    axes: Axes, of: VotesOf, cells: Sequence[VoteCell], styles: Mapping[str, Style]
) -> dict[str, object]:
    """Draw the panel of the student's word errors; return what a legend says of all panels."""
    axes.set_title("The student against ε")
    handles: dict[str, object] = {}
    for cell in cells:
        colour, marker = styles[_name(cell)]
        wer, epsilon = cell.row["wer"], cell.epsilon
        axes.vlines(epsilon, 100 * wer.low, 100 * wer.high, color=colour, lw=1.5)
        (handle,) = axes.plot(epsilon, 100 * wer.value, marker, color=colour, ms=8)
        handles[_name(cell)] = handle
    target, digest = cells[0].row["target"], cells[0].seeds[0].record.cell.conditions.digest
    for scheme, style in ((DP_SGD, "o-"), (SELF_TRAINED, "o--")):
        rows = [
            (other.first.cell.epsilon, other.wer())
            for other in of.beside
            if (other.first.cell.scheme, other.first.cell.target) == (scheme, target)
            and other.first.cell.conditions.digest == digest
        ]
        points = sorted((e, wer) for e, wer in rows if e is not None and wer.scored)
        if points:
            values = [100 * wer.value for _, wer in points]
            for epsilon, wer in points:
                axes.vlines(epsilon, 100 * wer.low, 100 * wer.high, color=GREY, lw=1)
            (handle,) = axes.plot([e for e, _ in points], values, style, color=GREY, ms=4)
            handles[scheme] = handle
    for scheme, line in ((PUBLIC, "-."), ("start", ":"), ("none", "-")):
        wer = cells[0].row[f"wer_{scheme}"]
        if wer.scored:
            handles[scheme] = axes.axhline(100 * wer.value, color=RED, lw=1, ls=line)
    axes.set_xscale("log")
    ticks = sorted({cell.epsilon for cell in cells})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("claimed ε")
    axes.set_ylabel("word error rate, %")
    return handles


def _accounting(axes: Axes, cells: Sequence[VoteCell], styles: Mapping[str, Style]) -> None:
    axes.set_title("What noise each accounting needs")
    for cell in cells:
        noise = cell.noise
        if noise is None:
            continue
        colour, marker = styles[_name(cell)]
        values = [getattr(noise, name) for name in NAMES]
        axes.plot(list(NAMES.values()), values, marker, color=colour, ms=7, ls="-", lw=0.6)
    if not axes.lines:
        _without(axes, "Other accounting: for answers with Gaussian noise to every query alone")
        return
    axes.axhline(cells[0].seeds[0].teachers, color="#000000", lw=1, ls=":")
    axes.set_yscale("log")
    axes.set_ylabel("noise on every count, votes")
