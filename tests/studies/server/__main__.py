"""What a server learns beyond the speech: `python -m tests.studies.server RUN` prints tables.

`RUN` is a run of the suite `quick` that has its public start. The server has the weights before and
after devices of private voices trained, public speech, and other recordings of those whom it looks
for. Printed are: accents, genders and speakers told from the update of one device, with exact
binomial intervals; AUC of whether a given speaker, accent or gender is in a sum, by device; and AUC
of whether an utterance was trained on, after one round and after all. With `toy` after it, it takes
20 seconds, and shows that it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tabulate import tabulate

from tests.studies.server import attributes, membership
from tests.studies.server.world import TOY, Size, World

SEEN = ["clipped", "noise for ε"]


def main(run: Path, size: Size) -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    world = World.of(run, size)
    single, sums = attributes.tables(world)
    show(single, [*SEEN, "accent", "gender", "speaker"])
    show(sums, ["clients", *SEEN, "accent", "gender", "speaker"])
    against = ["the same speakers", "others"]
    rounds = [f"{n}, {a}" for n in ("1 round", f"{size.rounds} rounds") for a in against]
    show(membership.table(world), ["clients", *SEEN, *rounds])


def show(rows: list[list[str]], heads: list[str]) -> None:
    """Print a table at once: the next one takes a while."""
    print(tabulate(rows, heads, tablefmt="github", disable_numparse=True), flush=True)
    print(flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), TOY if sys.argv[2:] == ["toy"] else Size())
