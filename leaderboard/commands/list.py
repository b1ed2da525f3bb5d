"""`overheard list`: what there is of each kind, by name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

import typer
from tabulate import tabulate

from attacks.registry import ATTACKS
from defenses.registry import SCHEMES
from leaderboard.spec.load import built_in_suites, load_suite
from targets.core.errors import OverheardError
from targets.corpora.registry import CORPORA
from targets.models.registry import TARGETS, TargetEntry

VOCABULARY, CHANNELS, HIDDEN = 29, 128, 96  # characters, and the sizes of the suite `schemes`
SMALL = 8  # channels and hidden units where only the build of a target matters


class Kind(StrEnum):
    """What is listed."""

    TARGETS = "targets"
    SCHEMES = "schemes"
    ATTACKS = "attacks"
    SUITES = "suites"
    CORPORA = "corpora"


class Form(StrEnum):
    """How it is written."""

    TEXT = "text"
    JSON = "json"


def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    form: Annotated[Form, typer.Option("--format", help="How it is written.")] = Form.TEXT,
    target: Annotated[str, typer.Option(help="Of attacks: why they do not apply to it.")] = "",
) -> None:
    """List what there is of a kind, with a line on each; installed packages may add to it.

    Raises:
        OverheardError: a target is given with something else than attacks, there is none of its
            name, or it begins at a checkpoint.
    """
    rows = list(_rows(kind))
    if target:
        if kind is not Kind.ATTACKS:
            raise OverheardError(f"--target is for attacks; {kind.value} do not depend on it")
        rows = list(_against(target, rows))
    if form is Form.JSON:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    keys = list(rows[0])
    body = [[_cell(row[key]) for key in keys] for row in rows]
    typer.echo(tabulate(body, keys, disable_numparse=True))
    if kind is Kind.TARGETS:
        sizes = f"with characters, {CHANNELS} channels and {HIDDEN} hidden units"
        typer.echo(f"weights: {sizes}; trained: those that schemes move", err=True)
        typer.echo("step: CPU time of a plain training step, in steps of ctc", err=True)


def _rows(kind: Kind) -> Iterable[dict[str, Any]]:
    match kind:
        case Kind.TARGETS:
            return (_target(e) for e in TARGETS)
        case Kind.SCHEMES:
            return (
                {"name": e.name, "takes_epsilon": e.takes_epsilon, "summary": e.summary}
                for e in SCHEMES
            )
        case Kind.ATTACKS:
            return (
                {"name": e.name, "family": e.family, "access": e.access, "summary": e.summary}
                for e in ATTACKS
            )
        case Kind.SUITES:
            suites = (load_suite(name) for name in built_in_suites())
            return ({"name": s.name, "summary": s.description} for s in suites)
        case Kind.CORPORA:
            return ({"name": e.name, "summary": e.summary} for e in CORPORA)


def _against(target: str, attacks: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield attacks with the reason why each does not apply to a target, None where it does."""
    from attacks.applicability import reason_against
    from targets.core.randomness import Randomness
    from targets.models.recognizer import untrained
    from targets.speech.tokens import Characters

    if TARGETS[target].pretrained:
        raise OverheardError(
            f"target {target} begins at a checkpoint, which is not read here: docs/attacks.md says "
            "what does not apply to it"
        )
    recognizer = untrained(target, Characters(), SMALL, SMALL, Randomness(0))
    for row in attacks:
        reason = reason_against(ATTACKS.load(row["name"])(), recognizer)
        yield {"name": row["name"], "applies": not reason, "reason": reason or None}


def _target(entry: TargetEntry) -> dict[str, Any]:
    from targets.models.facts import Facts, facts_of

    try:
        facts = facts_of(entry, VOCABULARY, CHANNELS, HIDDEN)
    except Exception:  # of a package that nobody here wrote: it is listed, and says so when used
        facts = Facts(None, None, ())
    return {
        "name": entry.name,
        "weights": facts.weights,
        "trained": facts.trained,
        "step": entry.step,
        "can": list(facts.can),
        "summary": entry.summary,
    }


def _cell(value: object) -> str:
    match value:
        case None | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.1f}"
        case list():
            return ", ".join(map(str, value))
    return str(value)
