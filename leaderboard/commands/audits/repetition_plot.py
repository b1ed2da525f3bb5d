"""The repeated canaries as a picture: audited ε under the line of group privacy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from leaderboard.audits.repetition_study import RepeatedAudit
from leaderboard.views.compare_plot import DPI, styles_of
from targets.core.files import whole_file


def draw(audits: Sequence[RepeatedAudit], path: Path) -> None:
    """Draw ε against repetitions, both on logarithmic axes, and write a PNG file."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for scheme, (colour, marker) in styles_of([a.scheme for a in audits]).items():
        own = [audit for audit in audits if audit.scheme == scheme]
        counts = [audit.repetitions for audit in own]
        axes.plot(counts, [a.group_epsilon for a in own], color=colour, label=f"{scheme}: group ε")
        proven = [audit.audited.low for audit in own]
        axes.plot(counts, proven, marker, color=colour, ms=8, label=f"{scheme}: audited ε")
    counts = sorted({audit.repetitions for audit in audits})
    single = max(audit.epsilon for audit in audits)
    linear = [single * count for count in counts]
    axes.plot(counts, linear, ":", color="#888888", label="k times the ε of one")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("entries of the canary in the training data")
    axes.set_ylabel("ε")
    axes.grid(axis="y", color="#E8E8E8", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    with whole_file(path) as aside:
        figure.savefig(aside, format="png", dpi=DPI)
