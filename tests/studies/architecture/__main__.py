"""What does a kind of network remember? `python -m tests.studies.architecture AN4 RUN FOLDER`.

`encoders`: is CTC on a conformer as good as CTC on an LSTM, with as many weights, and does it tell
more of its members where it is as good? Both learn AN4 from random weights, from a folder that
`overheard corpus` reads. The learning rate is chosen on speakers of the training split.

`context`: does the global context of `convrnnt` tell what a recording goes on to say? Transducers
with it and without it begin at the public starts of `RUN`, a run of the suite `architectures`, and
learn private calls. An attacker gives them the first half of a recording, and asks how likely the
true rest of the transcript is: of members, and of others.

`FOLDER` keeps every training where it was stopped, and `figures.json`; that of
`docs/architectures.md` lies beside this file. With `toy` at the end it takes a minute, and shows
that it runs. `encoders` or `context` at the end makes the figures of that part alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from targets.core.files import whole_file
from tests.studies.architecture import context, encoders

PARTS = {"encoders": encoders, "context": context}


def main(an4: Path, run: Path, folder: Path, parts: list[str]) -> None:
    """Make the figures of some parts, and keep those of the others."""
    toy = "toy" in parts
    path = folder / "figures.json"
    folder.mkdir(parents=True, exist_ok=True)
    figures = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name, part in PARTS.items():
        if name in parts or not PARTS.keys() & set(parts):
            figures[name] = part.figures(an4, run, folder, part.TOY if toy else part.FULL)
            with whole_file(path) as file:
                file.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), sys.argv[4:])
