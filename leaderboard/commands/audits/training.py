"""`overheard audit-training`: claimed ε against what canaries prove by watching the training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from defenses.registry import SCHEMES as REGISTRY
from leaderboard.audits.training_audit import (
    AUDITABLE,
    DESCENDING,
    SCHEMES,
    TrainingAudit,
    audit_descent,
    audit_votes,
)
from leaderboard.commands.audits.scores import FALSIFIED
from leaderboard.views.table import Format, Row, render
from targets.core.errors import OverheardError
from targets.core.progress import listening
from targets.core.randomness import Randomness

KEYS = (
    "scheme", "watched", "design", "scores", "epsilon", "audited_epsilon", "ceiling", "ratio",
    "verdict",
)  # fmt: skip
TITLES = {"epsilon": "claimed ε", "audited_epsilon": "audited ε", "ratio": "audited/claimed"}
FOOTER = """\
watched    what the auditor sees: every noisy update, every noisy count, or the student's labels
design     many_runs: each score from a training run of its own; one_run: many canaries with coins
ceiling    the most a perfect attack could have proven with so many scores"""

BEGIN, END = "<!-- overheard audit-training: begin -->", "<!-- overheard audit-training: end -->"


def audit_training(
    scheme: Annotated[
        list[str] | None, typer.Option(help="A scheme to audit.", show_default="all")
    ] = None,
    epsilon: Annotated[
        list[float] | None, typer.Option(help="A claimed ε.", show_default="1, 2, 4, 10")
    ] = None,
    delta: Annotated[float, typer.Option(help="δ of the guarantee.")] = 1e-5,
    level: Annotated[float, typer.Option(help="Confidence level of each audit.")] = 0.95,
    rate: Annotated[
        float,
        typer.Option(help="Sampling rate of batches, or of devices; 1 puts everyone in all."),
    ] = 1.0,
    steps: Annotated[int, typer.Option(min=1, help="Steps, or rounds of devices.")] = 2,
    queries: Annotated[
        int | None, typer.Option(min=1, help="Queries of PATE.", show_default="1 LNMax, 32 GNMax")
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option(
            min=8, help="Training runs with, and as many without.", show_default="as ε needs"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the coins and the noise.")] = 0,
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TEXT,
    page: Annotated[
        Path | None, typer.Option(help="A Markdown page whose table to renew.", show_default=False)
    ] = None,
) -> None:
    """Train with crafted canaries, watch the mechanism, and hold its ε against what they prove.

    Exit code 3: a claim is falsified. Exit code 2: the input is wrong.
    """
    schemes, epsilons = scheme or list(SCHEMES), epsilon or [1.0, 2.0, 4.0, 10.0]
    for name in schemes:
        if name not in AUDITABLE:
            raise OverheardError(f"--scheme {name}: {_instead(name)}")
    if not all(e > 0 and math.isfinite(e) for e in epsilons):
        raise OverheardError("--epsilon: give numbers above 0")
    if not 0 < delta < 1 or not 0 < level < 1:
        raise OverheardError("--delta and --level lie strictly between 0 and 1")
    if page is not None:
        renewed(_read(page), "")  # before anything is computed: there is a place for the table
    # The rig's tensors are so small that a second thread only waits.
    torch.set_num_threads(1)
    rng = Randomness(seed).child("audit-training")
    descent = partial(audit_descent, delta=delta, level=level, rate=rate, steps=steps, runs=runs)
    votes = partial(audit_votes, delta=delta, level=level, queries=queries, runs=runs)
    work = [
        (f"{name} ε={e:g}", partial(descent if name in DESCENDING else votes, name, e, rng))
        for name in schemes
        for e in epsilons
    ]
    audits = list(_watched(work))
    # Where it is for more than an utterance, it is said for whom ε is.
    units = ("unit",) if any(audit.claimed.unit != "utterance" for audit in audits) else ()
    keys = (*KEYS[:1], *units, *KEYS[1:])
    if page is not None:
        table = render(rows(audits), keys, TITLES, FOOTER, Format.MARKDOWN)
        page.write_text(renewed(_read(page), table), encoding="utf-8")
    typer.echo(render(rows(audits), keys, TITLES, FOOTER, form))
    if any(audit.verdict == "falsified" for audit in audits):
        raise typer.Exit(FALSIFIED)


def _instead(name: str) -> str:
    """Return what to do about a scheme that this command does not audit."""
    known = f"there is {', '.join(AUDITABLE)}"
    if name not in REGISTRY:
        return known
    if not REGISTRY[name].takes_epsilon:
        return f"it promises no ε; {known}"
    if REGISTRY[name].canaries is None:
        return f"no canaries watch its mechanism; {known}"
    return (
        f"{known}; its mechanism is audited at the settings of a row: put audit_mechanisms = true "
        "into a suite that has it, and run that"
    )


def rows(audits: Sequence[TrainingAudit]) -> list[Row]:
    """Return one row an audit."""
    return [
        {
            "scheme": audit.scheme,
            "unit": audit.claimed.unit,
            "watched": audit.watched,
            "design": audit.design,
            "scores": audit.scores,
            "epsilon": audit.claimed.epsilon,
            "audited_epsilon": audit.audited,
            "ceiling": audit.audited.ceiling,
            "ratio": audit.ratio if audit.audited.scored else None,
            "verdict": audit.verdict,
        }
        for audit in audits
    ]


def renewed(text: str, table: str, first: str = BEGIN, last: str = END) -> str:
    """Return a page with the table between its two marks replaced.

    Raises:
        OverheardError: the page has no marks.
    """
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise OverheardError(f"--page: put the lines {first} and {last} where the table goes")
    return f"{before}{first}\n\n{table}\n\n{last}{after}"


def _read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _watched(
    work: Sequence[tuple[str, Callable[[], Iterator[TrainingAudit]]]],
) -> Iterator[TrainingAudit]:
    """Do the work under a bar that says how far it is."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        for name, audit in work:
            task = bar.add_task(name, total=1.0)
            with listening(partial(_advance, bar, task)):
                yield from audit()
            bar.remove_task(task)


def _advance(bar: Progress, task: TaskID, done: float) -> None:
    bar.update(task, completed=done)
