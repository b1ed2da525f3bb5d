"""`overheard new`: a commented, working file to start a submission or a model from."""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from targets.core.errors import OverheardError
from targets.core.files import whole_file


class Role(StrEnum):
    """What is submitted, or audited."""

    DEFENSE = "defense"
    ATTACK = "attack"
    MODEL = "model"


NEXT = {
    Role.DEFENSE: ("check {file}:Mine", "score {file}:Mine --suite tiny --out runs/tiny"),
    Role.MODEL: ("check-model {file}:Mine", "audit-model {file}:Mine --planted planted"),
    Role.ATTACK: ("check-attack {file}:Mine", "score-attack {file}:Mine --out runs/tiny"),
}


def new(
    role: Annotated[Role, typer.Argument(help="What to write.")],
    file: Annotated[Path, typer.Argument(metavar="FILE.py", help="Where; it must not exist yet.")],
) -> None:
    """Write a file to start a submission or a model from; it works as it is."""
    if file.suffix != ".py":
        raise OverheardError(f"{file}: what is written is one Python file, whose name ends in .py")
    if file.exists():
        raise OverheardError(f"{file}: exists; it is not overwritten")
    text = (files("leaderboard") / "templates" / f"{role}.txt").read_text(encoding="utf-8")
    with whole_file(file) as aside:
        aside.write_text(text, encoding="utf-8")
    typer.echo(f"{file} written; next:")
    for words in NEXT[role]:
        typer.echo(f"  overheard {words.format(file=file)}")
