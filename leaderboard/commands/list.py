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
from targets.models.registry import TARGETS


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


def _rows(kind: Kind) -> Iterable[dict[str, Any]]:
    match kind:
        case Kind.TARGETS:
            return ({"name": e.name, "summary": e.summary} for e in TARGETS)
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


def _cell(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
