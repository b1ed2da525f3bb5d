"""What does a kind of network remember?

`python -m tests.studies.architecture PART [SOURCE] FOLDER`, of these parts:

`encoders`: is CTC on a conformer as good as CTC on an LSTM, with as many weights, and does it tell
more of its members where it is as good? Both learn AN4 from random weights. `SOURCE` is a folder of
AN4 that `overheard corpus` reads. The schedule of each is chosen on speakers of the training split.

`context`: does the global context of `convrnnt` tell what a recording goes on to say? Transducers
with it and without it begin at the public starts of `SOURCE`, a run of the suite `architectures`,
and learn private calls. An attacker gives them the first half of a recording, and asks how likely
the true rest of the transcript is: of members, and of others.

`streaming`: does ConvRNN-T hear better than a plain transducer that streams, with as many weights?
All learn embedded speech from random weights. There is no `SOURCE`.

`FOLDER` keeps every training, and `figures.json` of the parts that were made; that of
`docs/architectures.md` lies beside this file. With `toy` at the end a part takes a minute, shows
that it runs, and keeps all that in `FOLDER/toy`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from targets.core.files import whole_file
from tests.studies.architecture import context, encoders, streaming

PARTS = {"encoders": encoders, "context": context, "streaming": streaming}
WITHOUT_SOURCE = {"streaming"}


def main(name: str, *folders: Path, toy: bool = False) -> None:
    """Make the figures of a part, and keep those of the others."""
    *source, folder = folders
    if toy:
        folder /= "toy"
    part, path = PARTS[name], folder / "figures.json"
    figures = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    figures[name] = part.figures(*source, folder, part.TOY if toy else part.FULL)
    with whole_file(path) as file:
        file.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    name, *given = [word for word in sys.argv[1:] if word != "toy"] or [""]
    if name not in PARTS or len(given) != (1 if name in WITHOUT_SOURCE else 2):
        sys.exit(f"python -m tests.studies.architecture {'|'.join(PARTS)} [SOURCE] FOLDER [toy]")
    main(name, *map(Path, given), toy="toy" in sys.argv)
