"""Runs in which teachers voted: records, and the votes beside them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from defenses.accounting.guarantee import Guarantee
from defenses.accounting.price import calibrated, gaussian_votes_event
from defenses.pate.teachers import Votes
from defenses.public.pseudo_labels import Shortlist
from leaderboard.records.record import Record
from leaderboard.records.run_folder import write_record
from leaderboard.spec.load import parse_suite
from leaderboard.votes.kept import VOTES, _job
from targets.core.estimate import Estimate
from tests.leaderboard.spec.test_suite import SMALL

TEACHERS, DELTA, EPSILONS = 10, 1e-4, (1.0, 10.0)
SAID = ("turn it on", "turn it off", "milk and tea", "nothing")  # of the public audio
ASKED = (2, 0, 1)  # in this order: the last utterance is not voted on
COUNTS = ((1, 9), (10, 0), (4, 4, 2))
PATE = """
[[schemes]]
name = "pate-gnmax"
epsilon = [1, 10]
options = { teachers = 10, queries = 3, agreement = 0.6, choice = "cover", rounds = 1, keep = 1.0 }

[[schemes]]
name = "edpsgd"
epsilon = [1, 10]
"""
SUITE = SMALL.replace('[[schemes]]\nname = "pate-gnmax"\nepsilon = [1, 10]\n', PATE)
CELLS = {cell.id: cell for cell in parse_suite("small.toml", SUITE).cells()}


def votes() -> Votes:
    """Return the votes: the first query is lost on the public model, and won by teachers."""
    lists = [
        Shortlist(["turn it on", "turn on"], np.array([-1.0, -2.0])),
        Shortlist(["turn it of", "turn it off", "turn of"], np.array([-1.0, -1.5, -3.0])),
        Shortlist(["milk and", "milk and tea"], np.array([-1.0, -4.0])),
        Shortlist(["nothing"], np.array([-0.5])),
    ]
    return Votes(lists, [np.array(counts) for counts in COUNTS], list(ASKED))


def name_of(scheme: str, epsilon: float | None = None, seed: int = 0) -> str:
    """Return the name of a cell of the suite."""
    claim = "" if epsilon is None else f"-eps{epsilon:g}"
    return f"rnnt-{scheme}{claim}-seed{seed}"


def noise_at(epsilon: float, queries: int = len(COUNTS)) -> float:
    """Return what the noise of a row is."""
    return calibrated(gaussian_votes_event, epsilon, DELTA, queries)


def record(
    scheme: str, epsilon: float | None, wrong: int, seed: int = 0, **changes: object
) -> Record:
    """Return a record with so many of the words of each of four test utterances wrong."""
    base = CELLS[name_of(scheme, epsilon)]
    cell = base.model_copy(update={"seed": seed})
    own = math.inf if epsilon is None else epsilon
    delta = None if math.isinf(own) else DELTA
    notes = {}
    if scheme.startswith("pate"):
        notes = {
            "vote_noise": noise_at(own),
            "votes": len(COUNTS),
            "teachers": TEACHERS,
            "labels": 3,
        }
    content = {
        "cell": cell,
        "status": "ok",
        "event": "GaussianDpEvent(noise_multiplier=1.0)",
        "guarantee": Guarantee(own, delta, "utterance", "add or remove", "rdp", "audited code"),
        "wer": Estimate(wrong / 10, wrong / 10, wrong / 10, 0.95, "test"),
        "word_errors": {s: {f"{s}-{u}": (wrong, 10) for u in "ab"} for s in ("one", "two")},
        "notes": notes,
    }
    return Record(**(content | changes))


def write_run(folder: Path, *, keep: bool = True, seeds: int = 1) -> Path:
    """Write the records of a run, and the votes of its teachers."""
    for seed in range(seeds):
        write_record(record("none", None, 1, seed), folder)
        for epsilon, wrong in zip(EPSILONS, (3, 2), strict=True):
            write_record(record("pate-gnmax", epsilon, wrong, seed), folder)
            write_record(record("edpsgd", epsilon, 2 * wrong, seed), folder)
        if keep:
            (folder / VOTES).mkdir(exist_ok=True)
            job = _job(record("pate-gnmax", 1.0, 3, seed).cell)
            file = folder / VOTES / f"{job}-12345678.json"
            file.write_text(json.dumps({"found": votes().to_json(), "seconds": 1.0}))
    return folder
