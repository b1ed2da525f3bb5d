"""Options that several commands have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.spec.fields import DEVICE

SuiteName = Annotated[str, typer.Option(help="A built-in suite, or the path of a TOML file.")]
Out = Annotated[Path | None, typer.Option(help="Where records go.", show_default="runs/<suite>")]
Data = Annotated[
    Path, typer.Option(help="Where folders of real speech are.", envvar="OVERHEARD_DATA")
]
DATA = Path("../shared/data")
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes at work.", show_default="one a core")
]


def _device(name: str | None) -> str | None:
    if name is not None and not re.fullmatch(DEVICE, name):
        raise typer.BadParameter(f"{name}: use auto, cpu, cuda, cuda:N or mps")
    return name


Device = Annotated[
    str | None,
    typer.Option(
        callback=_device,
        metavar="auto|cpu|cuda|cuda:N|mps",
        help="What tensors are made on; auto takes an accelerator where one is.",
        show_default="the suite's",
    ),
]
