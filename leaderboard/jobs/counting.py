"""How far one command is that counts what it does: bars on a terminal, and nothing elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

Tell = Callable[[str, int, int], None]  # what is counted, how many are done, of how many


@contextlib.contextmanager
def counting(words: str = "{what}") -> Iterator[Tell]:
    """Show a bar, with the time that remains, for each thing that is counted."""
    console = Console(stderr=True)
    with Progress(
        *(SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn()),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        tasks = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(words.format(what=what), total=of)
            bars.update(tasks[what], completed=done)

        yield tell
