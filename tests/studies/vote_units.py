"""What should teachers vote on? `python -m tests.studies.vote_units` prints a table of units.

The same teachers, the same public speech and the same ε for every unit; only what a vote is about
differs. A vote on the next character or word is a query, and the number of queries is fixed by the
longest public transcript, before anyone votes. Takes some minutes on one core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import jiwer
import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from tabulate import tabulate

from defenses.accounting.price import calibrated, gaussian_votes_event
from defenses.pate.teachers import SHARD_BATCH, shards
from defenses.pate.votes import count_votes, evidence
from defenses.public.pseudo_labels import labelled, shortlists, taught
from leaderboard.experiment.experiment import Experiment
from leaderboard.experiment.stages.start import PublicStart
from leaderboard.game.build import build_game
from leaderboard.spec.load import load_suite
from targets.core.randomness import Randomness
from targets.training.ensemble import fit_ensemble
from targets.training.recipe import Schedule

SEED = 7  # of no published record
TEACHERS, ASKED, AGREEMENT, KEEP = 40, 300, 0.3, 0.6
TAUGHT_AT = 10.0  # ε at which students are trained too, which takes most of the time
END = ""
Units = Callable[[str], list[str]]
PREFIXES: dict[str, Units] = {"next character": list, "next word": str.split}


def next_unit(heard: Sequence[str], prefix: Sequence[str]) -> str:
    """Return what a teacher says after a prefix: what follows the nearest of its own prefixes."""
    distances = [Levenshtein.distance(prefix, heard[:j]) for j in range(len(heard) + 1)]
    here = min(range(len(distances)), key=lambda j: (distances[j], abs(j - len(prefix))))
    return heard[here] if here < len(heard) else END


def spelled_by_vote(
    heard: Sequence[Sequence[str]], vocabulary: Sequence[str], longest: int, noise: float, rng
) -> tuple[list[str], list[float]]:
    """Return the units that noisy votes write one after the other, and how many agreed on each."""
    place = {unit: n for n, unit in enumerate(vocabulary)}
    prefix: list[str] = []
    agreed = []
    while len(prefix) < longest:
        counts = np.zeros(len(vocabulary))
        for transcript in heard:
            said = next_unit(transcript, prefix)
            counts[place.get(said, place[END])] += 1
        agreed.append(counts.max() / len(heard))
        winner = vocabulary[int(np.argmax(counts + rng.normal(0, noise, len(counts))))]
        if winner == END:
            break
        prefix.append(winner)
    return prefix, agreed


def main(out: Path) -> None:
    """Train start, teachers and students, and print the table."""
    torch.set_num_threads(1)
    suite = load_suite("similar-speech")
    experiment = Experiment(suite.conditions, "rnnt", SEED, out, Path())
    if not experiment.start_file.exists():
        PublicStart(experiment).compute()
    game, recipe = experiment.game, experiment.recipe
    rng = Randomness(SEED)
    spoken_text = {u.id: u.text for u in _public_truth(suite, game)}
    audio = [u for u in game.public if not u.text]
    asked = audio[:ASKED]
    truth = [spoken_text[u.id] for u in asked]
    lists = shortlists(recipe, audio, 8)
    dealt = shards(game.members, TEACHERS, rng.child("shards"))
    teachers = fit_ensemble(recipe, dealt, Schedule(8, SHARD_BATCH, 5e-4), rng.child("teachers"))
    heard = list(zip(*teachers.transcribe(asked), strict=True))
    transcripts = [u.text for u in game.public if u.text]
    print("start, greedy:", jiwer.wer(truth, recipe.build().transcribe(asked)))
    print("teachers alone:", np.mean([jiwer.wer(truth, list(h)) for h in zip(*heard, strict=True)]))

    def student(lessons) -> float:
        labels = [u for u in lessons if u.text]
        model = taught(recipe, game.public, labels, 10, 2e-3, rng.child("student"))
        return jiwer.wer([u.text for u in game.test], model.transcribe(game.test, 4))

    rows = []

    def row(unit: str, queries: int, epsilon: float, agreed: float, labels, lessons=None) -> None:
        """Lessons are, unless given, the voted texts and the public start's for the rest."""
        if lessons is None:
            rest = labelled(audio[ASKED:], lists[ASKED:], [None] * len(audio[ASKED:]), KEEP)
            lessons = [replace(u, text=t) for u, t in zip(asked, labels, strict=True)] + rest
        noise = _noise(recipe.delta, queries, epsilon)
        learnt = student(lessons) if epsilon == TAUGHT_AT else None
        rows.append([unit, queries, epsilon, noise, agreed, jiwer.wer(truth, labels), learnt])
        print(rows[-1], file=sys.stderr, flush=True)

    for epsilon in (10.0, 1.0):
        for unit, split in PREFIXES.items():
            longest = max(len(split(t)) for t in transcripts)
            vocabulary = sorted({unit for t in transcripts for unit in split(t)} | {END})
            noise = _noise(recipe.delta, ASKED * longest, epsilon)
            generator = rng.child(unit, epsilon).numpy()
            written = [
                spelled_by_vote(list(map(split, said)), vocabulary, longest, noise, generator)
                for said in heard
            ]
            glue = "" if split is list else " "
            agreed = float(np.mean([a for _, each in written for a in each]))
            row(unit, ASKED * longest, epsilon, agreed, [glue.join(u) for u, _ in written])
        noise = _noise(recipe.delta, ASKED, epsilon)
        generator = rng.child("hypothesis", epsilon).numpy()
        votes = [count_votes(s.texts, h) for s, h in zip(lists, heard, strict=False)]
        noisy = [counts + generator.normal(0, noise, len(counts)) for counts in votes]
        agreed = float(np.mean([b.max() / TEACHERS for b in votes]))
        winners = [s.texts[int(np.argmax(n))] for s, n in zip(lists, noisy, strict=False)]
        row("hypothesis", ASKED, epsilon, agreed, winners)
        nats = [evidence(n, AGREEMENT * TEACHERS, noise) for n in noisy]
        credits = [s.log_probs + t for s, t in zip(lists, nats, strict=False)]
        weighed = [s.texts[int(np.argmax(c))] for s, c in zip(lists, credits, strict=False)]
        silent = [None] * (len(audio) - ASKED)
        row(
            "hypothesis, weighed against the start",
            ASKED,
            epsilon,
            agreed,
            weighed,
            labelled(audio, lists, [*nats, *silent], KEEP),
        )
    alone = [s.texts[0] for s in lists[:ASKED]]
    rows.append(
        [
            "none: the public start alone", 0, 0.0, None, None, jiwer.wer(truth, alone),
            student(labelled(audio, lists, [None] * len(audio), KEEP)),
        ]
    )  # fmt: skip
    headers = ["vote on", "queries", "ε", "noise", "agreement", "label WER", "student WER"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=".3g"))


def _noise(delta: float, queries: int, epsilon: float) -> float:
    return calibrated(gaussian_votes_event, epsilon, delta, queries)


def _public_truth(suite, game):
    """Return the public speech with the transcripts that the game withholds."""
    whole = suite.conditions.speech.public.model_copy(update={"transcribed": None})
    speech = suite.conditions.speech.model_copy(update={"public": whole})
    told = build_game(
        suite.conditions.model_copy(update={"speech": speech}), "rnnt", SEED, Path()
    ).public
    assert [u.id for u in told] == [u.id for u in game.public]
    return told


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/vote-units"))
