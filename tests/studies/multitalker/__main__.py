"""Two who speak at once: who is heard, who leaks? `python -m tests.studies.multitalker FOLDER`.

Two targets of equally many weights learn from public speech: `multitalker` from turns of one talker
and then from pairs that overlap, `rnnt`, which has no marks for turns, from the turns alone.
Printed is what they write of speakers who taught them nothing: how often the number of turns is
right, and the word error rate, each talker's words held against their own turn.

Then `multitalker` is trained on, without privacy, on half of the private pairs, drawn by a coin for
each. A turn's score is how far its own loss has fallen since the public start. Printed is how well
it tells members from others: of both turns of a pair, in the pair and alone; of a member whom a
stranger talks over; and of the stranger, who was in no training, beside a member and beside others.

`FOLDER` keeps the weights of public speech, and `figures.json`; that of `docs/multitalker.md` lies
beside this file. Takes about eleven minutes of one core. With `toy` after it, it takes less than
one, and shows that it runs.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from targets.core.files import whole_file
from tests.studies.multitalker.membership import membership
from tests.studies.multitalker.recognition import recognition
from tests.studies.multitalker.teaching import HIDDEN, Size, kept

FULL = Size(1600, 320, 100, 120, alone=6, paired=10, plain=16, epochs=12)
TOY = Size(32, 24, 8, 6, alone=1, paired=1, plain=1, epochs=2)


def main(folder: Path, size: Size) -> None:
    """Print both tables."""
    multitalker, rnnt = (kept(folder, target, size) for target in HIDDEN)
    figures = {
        "size": asdict(size),
        "recognition": recognition(multitalker.build(), rnnt.build(), size),
        "membership": membership(multitalker, size),
    }
    with whole_file(folder / "figures.json") as file:
        file.write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), TOY if sys.argv[2:3] == ["toy"] else FULL)
