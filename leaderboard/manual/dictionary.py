"""Draws the data dictionary: `python -m leaderboard.manual.dictionary docs/records.md`."""

from __future__ import annotations

import ast
import inspect
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from tabulate import tabulate

from defenses.accounting.guarantee import Guarantee
from leaderboard.records.attack_result import AttackResult
from leaderboard.records.model_audit import ModelAudit
from leaderboard.records.record import SCHEMA_VERSION, Number, Plain, Record
from targets.core.estimate import Estimate
from targets.core.files import whole_file

HEAD = f"""\
# Records

What each key of a record means. Drawn from the models in `leaderboard/records/record.py`,
`leaderboard/records/attack_result.py`, `leaderboard/records/model_audit.py` and `leaderboard/spec/`
(`python -m leaderboard.manual.dictionary docs/records.md`); a test fails where this page and the
models differ.

This is **schema version {SCHEMA_VERSION}**; a record of another version is refused, and an
unknown key too. A record is one JSON file, `<cell>.json`, UTF-8. What corrects it is
`<cell>.2.json`, then `<cell>.3.json`; none is ever overwritten. Beside the keys below it carries
`digest`, the SHA-256 of its own content as canonical JSON (sorted keys, no spaces): that catches
damage, not forgery.

JSON has no infinity and no NaN: an endless bound is "inf" or "-inf", what was not measured is null.
So it is in all JSON that overheard writes: records, `table`, `compare` and `export --format json`,
`audit --json`, `account --json`, `plan --json`. Only the ε of a guarantee in a record, and in a
table, is null where nothing is promised.
WER is a fraction everywhere. `overheard export` writes every estimate of many records as one table.

What an attack submitted later found is a file beside the records, an [AttackResult](#attackresult).
What `overheard audit-model` finds of a model that others trained is `audit.json`, a
[ModelAudit](#modelaudit): digested as a record is, but no cell of a suite. `table`, `compare` and
`site` show it; it cannot be verified, merged or exported. Beside the keys below it has those that
the report alone shows.
"""

ESTIMATE = {
    "value": ("number or null", "The figure; null where it could not be measured."),
    "low": ('number, "-inf" or null', "Lower end of the interval."),
    "high": ('number, "inf" or null', "Upper end; a bound from below has none."),
    "level": ("number or null", "Confidence with which the interval holds the truth."),
    "method": ("text", "How it was estimated; why not, where it begins with `unscored:`."),
    "ceiling": ("number or null", "The most that the method could have given with as much data."),
}

GUARANTEE = {
    "epsilon": ("number or null", "ε; null where nothing is promised."),
    "delta": ("number or null", "δ."),
    "unit": ("`utterance`, `speaker`", "Whose presence is hidden: an utterance or a speaker."),
    "relation": ("text or null", "What neighbouring training sets differ in."),
    "accountant": ("text or null", "What priced the event."),
    "basis": ("text", "What the promise rests on: audited code, a claim, or none."),
}

# What the page says of values that are no models.
VALUES: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "Guarantee": (
        "The promise: ε and δ for which unit, under which relation, by whose accounting.",
        GUARANTEE,
    ),
    "Estimate": ("A figure with what makes it evidence.", ESTIMATE),
}

WORDS = {str: "text", bool: "true or false", int: "whole number", float: "number"}

# Whatever is installed, here or where a record was made; the schema stays what it is.
NAMES = {
    ("Cell", "target"): "name of a target (`overheard list targets`)",
    ("Cell", "scheme"): "name of a scheme (`overheard list schemes`) or `submission`",
    ("AttackChoice", "name"): "name of an attack (`overheard list attacks`)",
}


def dictionary() -> str:
    """Return the page."""
    sections = [HEAD]
    models = _models(Record)
    for further in (AttackResult, ModelAudit):
        models += [model for model in _models(further) if model not in models]
    for model in models:
        meanings = _meanings(model)
        rows = [
            (f"`{name}`", _kind_of_field(model, name), meanings.get(name, ""))
            for name in model.model_fields
        ]
        sections.append(_section(model.__name__, inspect.getdoc(model) or "", rows))
    for name, (text, keys) in VALUES.items():
        rows = [(f"`{key}`", kind, meaning) for key, (kind, meaning) in keys.items()]
        sections.append(_section(name, text, rows))
    return "\n".join(sections)


def _kind_of_field(model: type[BaseModel], name: str) -> str:
    annotation = model.model_fields[name].annotation
    return NAMES.get((model.__name__, name)) or kind(annotation)


def _section(name: str, text: str, rows: list[tuple[str, str, str]]) -> str:
    table = tabulate(rows, ("key", "value", "meaning"), tablefmt="github", disable_numparse=True)
    return f"## {name}\n\n{text}\n\n{table}\n"


def _models(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return a model and those within it, in the order in which a reader meets them."""
    found = [model]
    for one in found:
        for field in one.model_fields.values():
            found += [m for m in _within(field.annotation) if m not in found]
    return found


def _within(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _within(argument)


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return the text below each field in the source, those it inherits too."""
    meanings = {}
    for parent in reversed(model.__mro__):
        if parent.__module__.startswith("leaderboard."):
            (body,) = ast.parse(inspect.getsource(parent)).body
            assert isinstance(body, ast.ClassDef)
            for field, text in zip(body.body, body.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                    assert isinstance(field.target, ast.Name)
                    meanings[field.target.id] = inspect.cleandoc(ast.literal_eval(text.value))
    return {name: " ".join(text.split()) for name, text in meanings.items()}


def kind(annotation: Any) -> str:
    """Return in words what values an annotation allows."""
    if annotation in WORDS:
        return WORDS[annotation]
    if annotation in (Estimate, Guarantee):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    if annotation is Number:
        return 'number, "inf", "-inf" or null'
    if annotation is Any or annotation is get_args(Plain)[0]:
        return "any JSON"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind(inner[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        words = [kind(one) for one in inner if one is not type(None)]
        return " or ".join(words + ["null"] * (type(None) in inner))
    if origin is dict:
        return f"object of {kind(inner[1])}"
    if origin is tuple:
        return f"array of {kind(inner[0])}"
    raise TypeError(f"{annotation} has no words yet")


def main(path: Path) -> None:
    """Draw the page."""
    with whole_file(path) as aside:
        aside.write_text(dictionary(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
