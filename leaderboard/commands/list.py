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
from targets.corpora.registry import CORPORA
from targets.models.registry import TARGETS, TargetEntry

VOCABULARY, CHANNELS, HIDDEN = 29, 128, 96  # characters, and the sizes of the suite `schemes`


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
) -> None:
    """List what there is of a kind, with a line on each; installed packages may add to it."""
    rows = list(_rows(kind))
    if form is Form.JSON:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    keys = list(rows[0])
    body = [[_cell(row[key]) for key in keys] for row in rows]
    typer.echo(tabulate(body, keys, disable_numparse=True))
    if kind is Kind.TARGETS:
        sizes = f"with characters, {CHANNELS} channels and {HIDDEN} hidden units"
        typer.echo(f"weights: {sizes}; trained: those that schemes move", err=True)


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
        case list():
            return ", ".join(map(str, value))
    return str(value)
