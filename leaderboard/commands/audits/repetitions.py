"""`overheard audit-repetitions`: audited ε of canaries that are in the data more than once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer

from leaderboard.audits.repetition_study import RepeatedAudit, repeated_audits
from leaderboard.audits.training_audit import GRADIENT_SCHEMES
from leaderboard.commands.audits.scores import FALSIFIED
from leaderboard.commands.audits.training import renewed
from leaderboard.views.table import Format, Row, render
from targets.core.errors import OverheardError
from targets.core.randomness import Randomness

KEYS = (
    "scheme", "repetitions", "scores", "epsilon", "group_epsilon", "audited_epsilon", "ceiling",
    "ratio", "verdict",
)  # fmt: skip
TITLES = {
    "epsilon": "ε of one",
    "group_epsilon": "ε of the group",
    "audited_epsilon": "audited ε",
    "ratio": "audited/group",
}
FOOTER = """\
repetitions     entries of the canary in the data, each drawn into batches by its own coin
ε of the group  what the mechanism promises to that many entries together
audited ε       what was proven by watching every noisy update; it must not exceed the group's ε"""
BEGIN = "<!-- overheard audit-repetitions: begin -->"
END = "<!-- overheard audit-repetitions: end -->"


def audit_repetitions(
    repetitions: Annotated[
        str, typer.Option(help="How often the canary is in the data, with commas between.")
    ] = "1,2,4,8,16",
    scheme: Annotated[
        list[str] | None, typer.Option(help="A scheme to audit.", show_default="all")
    ] = None,
    epsilon: Annotated[float, typer.Option(help="The ε claimed for one utterance.")] = 2.0,
    delta: Annotated[float, typer.Option(help="δ of the guarantees.")] = 1e-5,
    level: Annotated[float, typer.Option(help="Confidence level of each audit.")] = 0.95,
    rate: Annotated[
        float, typer.Option(help="Sampling rate; 1 puts every entry in every batch.")
    ] = 1.0,
    steps: Annotated[int, typer.Option(min=1, help="Steps of DP-SGD.")] = 2,
    runs: Annotated[
        int | None,
        typer.Option(
            min=8, help="Training runs with, and as many without.", show_default="as ε needs"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TEXT,
    plot: Annotated[
        Path | None, typer.Option(help="A PNG file for the picture.", show_default=False)
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="A Markdown page whose table to renew.", show_default=False)
    ] = None,
) -> None:
    """Train with repeated canaries, and hold what they prove against the ε of their group.

    Exit code 3: a guarantee is falsified. Exit code 2: the input is wrong.
    """
    schemes = scheme or list(GRADIENT_SCHEMES)
    for name in schemes:
        if name not in GRADIENT_SCHEMES:
            raise OverheardError(f"--scheme {name}: there is {', '.join(GRADIENT_SCHEMES)}")
    counts = parsed(repetitions)
    if not (epsilon > 0 and math.isfinite(epsilon)):
        raise OverheardError("--epsilon: give a number above 0")
    if not 0 < delta < 1 or not 0 < level < 1:
        raise OverheardError("--delta and --level lie strictly between 0 and 1")
    if page is not None:
        renewed(page.read_text(encoding="utf-8"), "", BEGIN, END)  # before anything is computed
    if plot is not None and plot.suffix.lower() != ".png":
        raise OverheardError(f"--plot {plot}: the picture is a PNG file, name it so")
    torch.set_num_threads(1)
    rng = Randomness(seed).child("audit-repetitions")
    audits = [
        audit
        for name in schemes
        for audit in repeated_audits(
            name, epsilon, counts, rng,
            delta=delta, level=level, rate=rate, steps=steps, runs=runs,
        )
    ]  # fmt: skip
    if page is not None:
        table = render(rows(audits), KEYS, TITLES, FOOTER, Format.MARKDOWN)
        text = page.read_text(encoding="utf-8")
        page.write_text(renewed(text, table, BEGIN, END), encoding="utf-8")
    if plot is not None:
        from leaderboard.commands.audits.repetition_plot import draw

        draw(audits, plot)
    typer.echo(render(rows(audits), KEYS, TITLES, FOOTER, form))
    if any(audit.verdict == "falsified" for audit in audits):
        raise typer.Exit(FALSIFIED)


def parsed(repetitions: str) -> list[int]:
    """Return the numbers of a list with commas.

    Raises:
        OverheardError: one is no whole number above 0, or there twice.
    """
    words = [word.strip() for word in repetitions.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise OverheardError(f"--repetitions {repetitions}: give whole numbers above 0, as 1,2,4")
    counts = [int(word) for word in words]
    if len(set(counts)) < len(counts):
        raise OverheardError(f"--repetitions {repetitions}: a number is there twice")
    return sorted(counts)


def rows(audits: Sequence[RepeatedAudit]) -> list[Row]:
    """Return one row an audit."""
    return [
        {
            "scheme": audit.scheme,
            "repetitions": audit.repetitions,
            "scores": audit.scores,
            "epsilon": audit.epsilon,
            "group_epsilon": audit.group_epsilon,
            "audited_epsilon": audit.audited,
            "ceiling": audit.audited.ceiling,
            "ratio": audit.audited.low / audit.group_epsilon,
            "verdict": audit.verdict,
        }
        for audit in audits
    ]
