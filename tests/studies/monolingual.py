"""What does one encoder for several languages cost? `python -m tests.studies.monolingual`.

A recogniser of one language alone is made for each language of the suite `multilingual`: the target
`conformer`, with the suite's own sizes and schedules, is trained on what that language has of the
public speech, and then, without privacy, on what it has of the members of the suite's row
`conformer`, `none`. Printed is the word error rate, by the beam search that suites have, on the
test speakers of the language after each, with its bootstrap interval over speakers: to be read
beside `overheard cohorts`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tabulate import tabulate

from leaderboard.experiment.train import BEAM
from leaderboard.game.build import build_game
from leaderboard.spec.load import load_suite
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.language import LANGUAGE, LANGUAGES
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.speech.wer import word_error_rate
from targets.training.fit import fit, public_start
from targets.training.recipe import Recipe, Schedule
from tests.studies.intervals import percent

SEED = Randomness(0).child("monolingual")


def main() -> None:
    """Print the table."""
    conditions = load_suite("multilingual").conditions
    training = conditions.training
    game = build_game(conditions, "conformer", 0, Path())
    schedule = Schedule(training.epochs, training.batch_size, training.learning_rate)
    rate = training.public_learning_rate or training.learning_rate
    first = replace(schedule, epochs=training.public_epochs, learning_rate=rate)
    recipe = Recipe(
        "conformer", Characters(), training.channels, training.hidden, schedule, 1e-5, 1
    )
    rows = []
    for language in LANGUAGES:
        rng = SEED.child(language)
        public, members, test = (
            [u for u in group if u.attributes[LANGUAGE] == language]
            for group in (game.public, game.members, game.test)
        )
        recognizer = public_start(recipe, public, first, rng.child("start"), augment=True)
        before = heard(recognizer, test)
        fit(recognizer, members, schedule, rng.child("fit"))
        counts = [len(public), len(members), len(test)]
        rows.append([language, *counts, percent(before), percent(heard(recognizer, test))])
        print(rows[-1], flush=True)
    header = ["language", "public", "members", "test", "WER %, start", "WER %, none"]
    print(tabulate(rows, header, tablefmt="github"))


def heard(recognizer: Recognizer, test: list[Utterance]) -> Estimate:
    """Return the word error rate of what a recogniser writes."""
    return word_error_rate(test, recognizer.transcribe(test, BEAM), SEED.child("intervals"))


if __name__ == "__main__":
    main()
