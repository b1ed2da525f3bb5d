"""`overheard audit-worst-case`: what final weights prove, where all is chosen against a scheme."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from attacks.statistics.verdict import verdict
from defenses.accounting.event_text import event_to_text
from leaderboard.audits.training_audit import GRADIENT_SCHEMES
from leaderboard.audits.worst_case import WorstCase, audit_worst_case
from leaderboard.commands.audits.scores import FALSIFIED
from leaderboard.commands.audits.training import renewed
from leaderboard.records.mechanism_audit import MechanismAudit, write_audit
from leaderboard.views.table import Format, Row, render
from targets.core.errors import OverheardError
from targets.core.progress import listening
from targets.core.randomness import Randomness

KEYS = (
    "scheme", "scores", "steps", "epsilon", "audited_epsilon", "ceiling", "ratio", "verdict",
    "seconds",
)  # fmt: skip
TITLES = {"epsilon": "claimed ε", "audited_epsilon": "audited ε", "ratio": "audited/claimed"}
FOOTER = """\
scores     training runs, half of them with the canary; of each the final weights alone are seen
ceiling    the most a perfect attack could have proven with so many scores"""

BEGIN, END = (
    "<!-- overheard audit-worst-case: begin -->",
    "<!-- overheard audit-worst-case: end -->",
)


def audit_worst_case_command(
    scheme: Annotated[
        list[str] | None, typer.Option(help="A scheme to audit.", show_default="all")
    ] = None,
    epsilon: Annotated[
        list[float] | None, typer.Option(help="A claimed ε.", show_default="1, 3, 10")
    ] = None,
    delta: Annotated[float, typer.Option(help="δ of the guarantee.")] = 1e-5,
    level: Annotated[float, typer.Option(help="Confidence level of each audit.")] = 0.95,
    steps: Annotated[int, typer.Option(min=1, help="Steps of DP-SGD.")] = 1,
    runs: Annotated[
        int | None,
        typer.Option(
            min=8, help="Training runs with, and as many without.", show_default="as ε needs"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TEXT,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a run, whose table then shows what was proven.", show_default=False
        ),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="A Markdown page whose table to renew.", show_default=False)
    ] = None,
) -> None:
    """Train a small recogniser hundreds of times, with and without a canary, and see the end alone.

    Exit code 3: a claim is falsified. Exit code 2: the input is wrong.
    """
    schemes, epsilons = scheme or list(GRADIENT_SCHEMES), epsilon or [1.0, 3.0, 10.0]
    if not all(e > 0 and math.isfinite(e) for e in epsilons):
        raise OverheardError("--epsilon: give numbers above 0")
    if not 0 < delta < 1 or not 0 < level < 1:
        raise OverheardError("--delta and --level lie strictly between 0 and 1")
    if page is not None:
        renewed(page.read_text(encoding="utf-8"), "", BEGIN, END)
    torch.set_num_threads(1)
    rng = Randomness(seed).child("audit-worst-case")
    audits = []
    with Progress(console=Console(stderr=True), transient=True) as bar:
        for name in schemes:
            for claimed in epsilons:
                task = bar.add_task(f"{name} ε={claimed:g}", total=1.0)
                with listening(partial(_advance, bar, task)):
                    audit = audit_worst_case(
                        name, claimed, rng, delta=delta, level=level, steps=steps, runs=runs
                    )
                bar.remove_task(task)
                audits.append(audit)
                if out is not None:
                    write_audit(as_record(audit), out)
    content = [_row(audit) for audit in audits]
    table = partial(render, content, KEYS, TITLES, FOOTER)
    if page is not None:
        text = page.read_text(encoding="utf-8")
        page.write_text(renewed(text, table(Format.MARKDOWN), BEGIN, END), encoding="utf-8")
    typer.echo(table(form))
    if any(row["verdict"] == "falsified" for row in content):
        raise typer.Exit(FALSIFIED)


def _advance(bar: Progress, task: TaskID, done: float) -> None:
    bar.update(task, completed=done)


def as_record(audit: WorstCase) -> MechanismAudit:
    """Return an audit as it is kept beside records."""
    return MechanismAudit(
        kind="worst-case",
        scheme=audit.scheme,
        event=event_to_text(audit.event),
        delta=audit.delta,
        epsilon=audit.claimed,
        audited=audit.audited,
        p_value=audit.p_value,
        assumes=audit.assumes,
        settings={"steps": audit.steps, "sampling_rate": 1.0},
        scores=audit.scores,
        seconds=audit.seconds,
    )


def _row(audit: WorstCase) -> Row:
    return {
        "scheme": audit.scheme,
        "scores": audit.scores,
        "steps": audit.steps,
        "epsilon": audit.claimed,
        "audited_epsilon": audit.audited,
        "ceiling": audit.audited.ceiling,
        "ratio": audit.audited.low / audit.claimed,
        "verdict": verdict(audit.audited, audit.claimed),
        "seconds": audit.seconds,
    }
