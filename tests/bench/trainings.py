"""What whole trainings cost beside plain training: `python -m tests.bench.trainings [SCHEME ...]`.

Each scheme trains on the same few recordings as plain training, right after it and in turns. All
times are CPU times of one thread.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from statistics import median
from time import process_time
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from tabulate import tabulate

from defenses.registry import SCHEMES
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.tokens import Characters
from targets.speech.utterance import SAMPLE_RATE, Utterance
from targets.training.fit import public_start
from targets.training.recipe import Recipe, Schedule

ROUNDS = 3
PLAIN = "none"
SPEAKERS, EACH, EPOCHS = 6, 16, 2
MEMBERS = SPEAKERS * EACH
SHORTEST, LONGEST = 1.2, 2.6  # seconds, as in the embedded corpus

# Whole batches of half the members, as many public gradients to private ones as in `mixed`.
DESCENT = {"epsilon": 10.0, "batch_size": MEMBERS // 2, "epochs": EPOCHS}
# Half the devices in every round.
DEVICES = {"clients": SPEAKERS, "per_round": SPEAKERS // 2, "rounds": 2 * EPOCHS}
TIMED: dict[str, Mapping[str, Any]] = {
    "edpsgd": DESCENT,
    "edpsgd-oversampled": DESCENT | {"cohort": "british", "factor": 2.0},
    "dp-ftrl": DESCENT,
    "adamix": DESCENT | {"public_batch": MEMBERS // 16},
    "oversampled": {},
    # As many further epochs and measured utterances to all as in `fairness`, at least one.
    "elastic-weight-consolidation": {"further_epochs": 1, "measured": MEMBERS // 9},
    "adversarial-reweighting": {},
    "fedavg": DEVICES,
    "dp-fedavg": DEVICES | {"epsilon": 10.0},
    "fedavg-replay": DEVICES | {"periods": 2, "budget": 2},
    "dp-fedavg-replay": DEVICES | {"epsilon": 10.0, "periods": 2, "budget": 2},
}
# What is not timed here, and why.
ELSEWHERE = {
    PLAIN: "what all are measured against",
    "dpsgd": "its steps are timed in tests/bench/test_steps.py",
    "edpsgd-self-trained": "edpsgd from another start",
    "edpsgd-microbatch": "one plain backward pass for each micro-batch",
    "start": "it does not train",
    "public": "it does not train on private speech",
    "spoken-public": "it does not train on private speech",
    "adept": "plain training on other speech",
    "word-noise": "plain training on other speech",
    "voice-shifted": "plain training on other speech",
    "voice-replaced": "plain training on other speech",
    "pate-lnmax": "its ensembles are timed in tests/bench/test_ensemble.py",
    "pate-gnmax": "its ensembles are timed in tests/bench/test_ensemble.py",
    "pate-confident-gnmax": "its ensembles are timed in tests/bench/test_ensemble.py",
}


@dataclass(frozen=True)
class Cost:
    """What one training took: CPU seconds, and gradients of single utterances."""

    seconds: float
    gradients: int


def speech(group: str, speakers: int, each: int) -> list[Utterance]:
    """Return recordings of noise with transcripts of letters; the first speaker has an accent."""
    rng = np.random.default_rng(0)
    made = []
    for speaker in range(speakers):
        for number in range(each):
            size = int(SAMPLE_RATE * rng.uniform(SHORTEST, LONGEST))
            samples = (0.1 * rng.normal(size=size)).astype(np.float32)
            text = "".join(rng.choice(list("abcdefghijklmno "), int(rng.integers(14, 40))))
            accent = "american" if speaker else "british"
            name = f"{group}-{speaker}"
            said = " ".join(text.split()) or "a"
            made.append(
                Utterance(f"{name}-{number}", name, samples, said, attributes={"accent": accent})
            )
    return made


@cache
def recipe() -> Recipe:
    """Return the recipe of `ctc` at the size of the suite `schemes`, from a start of one epoch."""
    made = Recipe("ctc", Characters(), 128, 96, Schedule(EPOCHS), 1e-5, MEMBERS)
    start = public_start(made, speech("public", 1, 12), Schedule(1), Randomness(1))
    return replace(made, start={n: w.detach().clone() for n, w in start.state_dict().items()})


@contextmanager
def counting() -> Iterator[list[int]]:
    """Keep of how many utterances each loss inside is, of which a gradient is then taken."""
    counts: list[int] = []
    real = Recognizer.example_nll

    def counted(self, batch):
        counts.append(len(batch))
        return real(self, batch)

    with patch.object(Recognizer, "example_nll", counted):
        yield counts


def cost(name: str, options: Mapping[str, Any]) -> Cost:
    """Train once by a scheme."""
    scheme = SCHEMES.load(name)(**options)
    members, public = speech("private", SPEAKERS, EACH), speech("public", 1, 12)
    beginning = recipe()
    with counting() as counts:
        began = process_time()
        scheme.train(beginning, members, public, Randomness(0))
        return Cost(process_time() - began, sum(counts))


def row(name: str, rounds: int) -> list[str]:
    """Return one line: a scheme beside plain training, in turns, after one of each."""
    pairs = [(cost(PLAIN, {}), cost(name, TIMED[name])) for _ in range(rounds + 1)][1:]
    over = median(scheme.seconds / plain.seconds for plain, scheme in pairs)
    plain, scheme = pairs[0]
    gradients = scheme.gradients / plain.gradients
    # Of three pairs a second decimal of a time says nothing; gradients are counted.
    return [f"`{name}`", f"{gradients:.2f}", f"{over:.1f}x", f"{over / gradients:.1f}x"]


def table(names: list[str], rounds: int = ROUNDS) -> str:
    """Return the table of some schemes."""
    headers = ["scheme", "gradients / plain", "CPU time / plain", "of one gradient"]
    align = ("left", "right", "right", "right")
    return tabulate([row(n, rounds) for n in names], headers, "github", colalign=align)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(table(sys.argv[1:] or list(TIMED)))
