"""What does it cost to compute less? `python -m tests.studies.amortized [EPOCHS [MORE]]`.

The target `amortized` is trained on public speech of the suite `quick` at the suite's sizes: for
`EPOCHS` with one weight of the compute term, and from there for `MORE` epochs with another. Four of
the sixteen public speakers are not trained on: what is printed is measured on what they say. No
test speaker is heard, so that the target's own weight may be chosen here.

Compute is counted in multiplications, of the encoder (its front end and arbitrators included) and
of its blocks alone, which are what can be skipped. The word error rate is that of greedy search.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from tabulate import tabulate

from leaderboard.game.build import speech_of
from leaderboard.spec.load import load_suite
from targets.core.randomness import Randomness
from targets.models.recognizer import BATCH, Recognizer
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.speech.wer import word_error_rate
from targets.training.fit import fit
from targets.training.recipe import Recipe, Schedule

# Nats a state, first and then. What has paid from the beginning pays no more in the end: a block
# that is off at all states gets no gradient, and stays off.
WEIGHTS = {0.0: (0.0, 0.03, 0.1, 0.3, 1.0), 0.03: (0.0,), 0.1: (0.0,)}
HELD_OUT = 4  # speakers
SEED = Randomness(0).child("amortized")


def main(epochs: int = 32, more: int = 10) -> None:
    """Print the table."""
    conditions = load_suite("quick").conditions
    training = conditions.training
    public = speech_of(conditions, Path(), ("public",))["public"]
    speakers = sorted({u.speaker for u in public})
    known = [u for u in public if u.speaker in speakers[:-HELD_OUT]]
    heard = [u for u in public if u.speaker in speakers[-HELD_OUT:]]
    rate = training.public_learning_rate or training.learning_rate
    schedule = Schedule(epochs, training.batch_size, rate)
    recipe = Recipe(
        "amortized", Characters(), training.channels, training.hidden, schedule, 1e-5, 1
    )
    rows: list[list[float]] = []
    for first, thens in WEIGHTS.items():
        base = recipe.untrained(SEED.child("weights"))
        base.logmel.calibrate(known)
        trained(base, first, known, schedule)
        for then in thens:
            recognizer = replace(recipe, start=base.state_dict()).build()
            trained(recognizer, then, known, replace(schedule, epochs=more))
            wer = float(word_error_rate(heard, recognizer.transcribe(heard), SEED).value)
            least = rows[0][4] if rows else wer
            rows.append([first, then, *saved(recognizer, heard), wer, wer / least - 1])
            print([round(x, 4) for x in rows[-1]], file=sys.stderr, flush=True)
    header = ["first", "then", "encoder saved", "blocks saved", "WER", "WER, relative"]
    print(tabulate(rows, header, floatfmt=("g", "g", *[".3f"] * 4), tablefmt="github"))


def trained(
    recognizer: Recognizer, weight: float, speech: Sequence[Utterance], schedule: Schedule
) -> None:
    """Train a recogniser that pays this for its compute."""
    recognizer.network.compute_weight = weight
    fit(recognizer, speech, schedule, SEED.child("fit", schedule.epochs), augment=True)


def saved(recognizer: Recognizer, speech: Sequence[Utterance]) -> tuple[float, float]:
    """Return the shares of the encoder's compute, and of its blocks', that speech does not take."""
    network = recognizer.network
    totals = torch.zeros(3, dtype=torch.float64)
    for first in range(0, len(speech), BATCH):
        features, counts = recognizer.logmel(speech[first : first + BATCH])
        nowhere = torch.zeros(len(counts), len(network.encoder.blocks), dtype=torch.long)
        found = *network.compute(features, counts), network.encoder.operations(counts, nowhere)
        totals += torch.stack(found).double().sum(1)
    used, most, least = totals.tolist()
    return (most - used) / most, (most - used) / (most - least)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
