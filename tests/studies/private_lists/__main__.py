"""What does a private list gain, and is it readable?

Run with `python -m tests.studies.private_lists FOLDER`.

A recogniser of the target `ctc-context` learns from public sentences with made-up names: its base,
and then its adapter, from other names.

Who gains: speakers who taught it nothing say names of lists of their own, of which half are never
said. Printed are F1 of the names and the word error rate without a list, with each kind of biasing
and with several; `gain` is the mean over speakers of how much F1 rose. Then, how many nats more or
less a transcript costs with the adapter and a list.

Who leaks: an attacker says every name of a pool, or a name near it, in a voice of their own, to the
recognisers of users with lists from that pool, and to the same recogniser without a list. Printed
are the AUC of "this name is on the list" from transcripts and from scores, how much of the list was
read off transcripts, and how much of what was read is right; and the same where answers are judged
by another user's list, which has to find nothing.

`FOLDER` keeps weights and `figures.json`, row by row: a run that was stopped goes on from there.
The file of `docs/contact-lists.md` lies beside this one. `tuning` after it measures the first table
on other speakers and names, those that settings were tried on. `toy` instead shows that it runs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tabulate import tabulate

from tests.studies.private_lists.contact_lists import leakage
from tests.studies.private_lists.figures import Figures
from tests.studies.private_lists.losses import losses
from tests.studies.private_lists.rare_names import recognition
from tests.studies.private_lists.teaching import Size, language_model, taught

FULL = Size(5_000, 2_500, 6, 14, 64, speakers=16, listed=24, pool=24, users=20, lists=(3, 6, 12))
TOY = Size(60, 30, 1, 1, 24, speakers=2, listed=4, pool=6, users=2, lists=(2, 3))


def main(folder: Path, how: str) -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    size = TOY if how == "toy" else FULL
    recognizer, model, figures = taught(folder, size), language_model(size), Figures(folder)
    recognition(recognizer, model, size, figures, tuning=how == "tuning")
    if how != "tuning":
        losses(recognizer, size, figures)
        leakage(recognizer, model, size, figures)
    for table in ("tuning",) if how == "tuning" else ("recognition", "losses", "leakage"):
        print(tabulate(figures.table(table), "keys", tablefmt="github"), end="\n\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if sys.argv[2:] else "")
