"""How large is a quantised target, and what does it cost? `python -m tests.studies.quantised RUN`.

`RUN` is a run of the suite `quick` that has its public start. That is quantised as it is, and then
trained on with few values for an epoch of 640 utterances of its public speech. Printed are bytes on
disk, and the word error rate by greedy search on 100 test utterances as a microphone hears them,
which is how the public speech was heard. Takes a minute; a number after `RUN` gives other epochs.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file, save_file
from tabulate import tabulate

from leaderboard.game.build import speech_of
from leaderboard.game.recipe import STUDENT
from leaderboard.spec.load import load_suite
from targets.core.randomness import Randomness
from targets.models.quantised.packing import save_packed
from targets.speech.tokens import Characters
from targets.speech.wer import word_error_rate
from targets.training.fit import fit
from targets.training.recipe import Recipe, Schedule

BITS = (32, 8, 5, 4, 2)
LEARNING_RATE = 1e-3
TAUGHT, ASKED = 640, 100  # utterances: of public speech, and of test speech


def main(run: Path, epochs: int = 1) -> None:
    """Print the table."""
    conditions = load_suite("quick").conditions
    training, splits = conditions.training, conditions.speech
    test = splits.test.model_copy(update={"channel": "microphone"})
    conditions = conditions.model_copy(update={"speech": splits.model_copy(update={"test": test})})
    (file,) = (run / "starts").glob("ctc-*.safetensors")
    start = {n: w for n, w in load_file(file).items() if not n.startswith(STUDENT)}
    speech = speech_of(conditions, Path(), ("public", "test"))
    public, heard = speech["public"][:TAUGHT], speech["test"][:ASKED]
    plain = Recipe(
        "ctc", Characters(), training.channels, training.hidden, Schedule(1), 1e-5, 1, start=start
    )
    rows = []
    for bits in BITS:
        recognizer = replace(plain, target="ctc" if bits == 32 else f"ctc-{bits}bit").build()
        before = word_error_rate(heard, recognizer.transcribe(heard), Randomness(0))
        fit(recognizer, public, Schedule(epochs, 16, LEARNING_RATE), Randomness(0))
        after = word_error_rate(heard, recognizer.transcribe(heard), Randomness(0))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.safetensors"
            if bits == 32:
                save_file(recognizer.network.state_dict(), path)
                size = path.stat().st_size
            else:
                size = save_packed(recognizer.network, path)
        rows.append([bits, size, float(before.value), float(after.value)])
        print(rows[-1], file=sys.stderr, flush=True)
    header = ["bits", "bytes", "WER, quantised", "WER, trained on so"]
    print(tabulate(rows, header, floatfmt=".3f", tablefmt="github"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))
