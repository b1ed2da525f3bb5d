"""Do the switches tell members where they switch? `python -m tests.studies.switches`.

In the suites `amortized` pays for its compute from random weights on, and most of its blocks are
off for good. Here it learns public speech of the suite `architectures` for 16 epochs without
paying, so that all blocks are in use. Then it learns members among the private calls, without DP,
for 14 epochs with each weight of the compute term. Members are drawn by fair coins. An attacker
sees how much each recording takes, as `membership-compute` does, or its loss. Numbers behind the
command are other epochs, of the start and then, and a stride: every how many-th utterance is used.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from tabulate import tabulate

from attacks.base import LossScores
from attacks.membership.compute import share_of_compute
from attacks.membership.loss import Loss
from leaderboard.game.build import speech_of
from leaderboard.spec.load import load_suite
from targets.core.randomness import Randomness
from targets.speech.tokens import Characters
from targets.speech.wer import word_error_rate
from targets.training.recipe import Recipe, Schedule
from tests.studies.amortized import saved, trained
from tests.studies.intervals import percent, told

WEIGHTS = (0.1, 0.3)  # nats a state
SEED = Randomness(0).child("switches")


def main(public_epochs: int = 16, private_epochs: int = 14, stride: int = 1) -> None:
    """Print the table, of every `stride`-th utterance."""
    conditions = load_suite("architectures").conditions
    training = conditions.training
    speech = speech_of(conditions, Path(), ("public", "private"))
    public, private = speech["public"][::stride], speech["private"][::stride]
    coins = SEED.child("coins").numpy().integers(2, size=len(private)).astype(bool)
    speakers = np.unique([u.speaker for u in private], return_inverse=True)[1]
    members = [u for u, coin in zip(private, coins, strict=True) if coin]
    others = [u for u, coin in zip(private, coins, strict=True) if not coin]
    rate = training.public_learning_rate or training.learning_rate
    first = Schedule(public_epochs, training.batch_size, rate)
    recipe = Recipe("amortized", Characters(), training.channels, training.hidden, first, 1e-5, 1)
    start = recipe.untrained(SEED.child("weights"))
    start.logmel.calibrate(public)
    trained(start, 0.0, public, first)
    then = Schedule(private_epochs, training.batch_size, training.learning_rate)
    rows = []
    for weight in WEIGHTS:
        recognizer = replace(recipe, start=start.state_dict()).build()
        trained(recognizer, weight, members, then)
        shares = share_of_compute(recognizer, private)
        scores = {
            "compute": -shares,
            "compute, calibrated": share_of_compute(start, private) - shares,
            "loss": Loss().score(LossScores(recognizer, start, public), private, SEED).scores,
        }
        wer = word_error_rate(others, recognizer.transcribe(others), SEED.child("wer"))
        areas = [told(s, coins, speakers, SEED.child("auc", n)) for n, s in scores.items()]
        spread = f"{shares.mean():.3f} ± {shares.std():.3f}"
        rows.append([weight, f"{saved(recognizer, others)[0]:.2f}", spread, percent(wer), *areas])
        print(rows[-1], file=sys.stderr, flush=True)
    header = ["weight", "encoder saved", "share used", "WER % of others", *scores]
    print(tabulate(rows, header, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
