"""Is a private contact list readable? `python -m tests.studies.contact_lists` prints a table.

A recogniser of the target `ctc-context` learns from embedded public speech: its base, and then its
adapter. Users have lists of made-up names, some of a pool. The attacker speaks every name of the
pool, and a word near it, in a voice of their own, to the recogniser with the list and to the one
without. Printed are, for each size of the list and each kind of biasing, the AUC of "this name is
on the list" from transcripts and from scores, and how much of the list is read off transcripts.

Takes tens of minutes on one core. With `toy` it takes one, and shows that it runs: such a
recogniser hears nothing, and its figures say nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from tabulate import tabulate

from attacks.membership.contact_lists import (
    Answer,
    extracted,
    judged,
    membership,
    over_users,
    scores_of_scores,
    scores_of_transcripts,
)
from targets.core.estimate import Estimate
from targets.core.randomness import Randomness
from targets.models.context.language_model import ClassBigrams
from targets.models.context.personal import KINDS, Personal
from targets.models.recognizer import Recognizer
from targets.speech.tokens import Characters
from targets.speech.utterance import Utterance
from targets.speech.wer import word_error_rate
from targets.synthetic.corpus import SpeechRequest, default_cache, embedded_corpus, speak
from targets.training.fit import fit, public_start
from targets.training.recipe import Recipe, Schedule

SEED = 11  # of no published record
ATTACKER = 70  # voice: of nobody who taught the recogniser
BIASING = {"adapter": {"adapter"}, "boosting": {"boosting"}, "all": set(KINDS)}
OPENINGS = ("b", "d", "f", "g", "k", "l", "m", "n", "r", "s", "t", "v")
VOWELS = ("a", "e", "i", "o", "u")
ENDINGS = ("n", "r", "l", "s", "m", "t")


@dataclass(frozen=True)
class Size:
    """How much speech teaches the recogniser, and who is probed how."""

    utterances: int
    epochs: int
    width: int
    pool: int
    users: int
    lists: tuple[int, ...]


FULL = Size(utterances=1_600, epochs=16, width=96, pool=48, users=10, lists=(4, 12, 24))
TOY = Size(utterances=80, epochs=4, width=24, pool=12, users=2, lists=(2, 6))


def taught(size: Size, public: Sequence[Utterance]) -> Recognizer:
    """Return a recogniser whose base and then whose adapter public speech taught."""
    rng = Randomness(SEED)
    schedule = Schedule(size.epochs, 16, 3e-3)
    recipe = Recipe(
        "ctc-context", Characters(), size.width, size.width, schedule, 1e-5, len(public)
    )
    start = public_start(recipe, public, schedule, rng.child("start"))
    recognizer = replace(recipe, start=start.state_dict()).build()
    fit(recognizer, public, schedule, rng.child("adapter"))
    return recognizer


def names(count: int) -> list[str]:
    """Return different made-up names of two syllables."""
    rng = Randomness(SEED).child("names").numpy()
    found: dict[str, None] = {}
    while len(found) < count:
        parts = (OPENINGS, VOWELS, OPENINGS, VOWELS, ENDINGS)
        found.setdefault("".join(str(rng.choice(part)) for part in parts))
    return list(found)


def near(name: str) -> str:
    """Return a name that differs in one vowel."""
    return name[:3] + VOWELS[(VOWELS.index(name[3]) + 1) % len(VOWELS)] + name[4:]


def probes(pool: Sequence[str]) -> dict[str, list[Utterance]]:
    """Return the attacker's speech: of every name itself, and of a word near it."""
    said = {"itself": list(pool), "near": list(map(near, pool))}
    return {
        kind: speak(
            [
                SpeechRequest(f"{kind}-{n}", ATTACKER, f"call {word}")
                for n, word in enumerate(words)
            ],
            seed=SEED,
            cache=default_cache(),
        )
        for kind, words in said.items()
    }


def shown(estimate: Estimate) -> str:
    """Return a figure with its interval, or the dash of what cannot be measured."""
    if not estimate.scored:
        return "-"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def row(
    pool: Sequence[str],
    lists: Sequence[frozenset[str]],
    listed: Sequence[Sequence[Answer]],
    bare: Sequence[Answer],
) -> list[str]:
    """Return the figures of one kind of probe: AUC of transcripts, of scores; recall, precision."""
    on_list = [name in words for words in lists for name in pool]
    users = np.repeat(np.arange(len(lists)), len(pool))
    aucs = [
        membership(np.concatenate(scores), on_list, users, Randomness(SEED))
        for scores in (
            [scores_of_transcripts(pool, answers, bare) for answers in listed],
            [scores_of_scores(answers, bare) for answers in listed],
        )
    ]
    read = [
        judged(extracted(answers, bare), words)
        for answers, words in zip(listed, lists, strict=True)
    ]
    precisions = [r.precision for r in read if r.precision is not None]
    return [shown(e) for e in (*aucs, over_users([r.recall for r in read]), over_users(precisions))]


def main(size: Size) -> None:
    """Print the table."""
    public = list(
        embedded_corpus(speakers=16, utterances=size.utterances, seed=SEED, cache=default_cache())
    )
    recognizer = taught(size, public)
    asked = public[:40]
    wer = word_error_rate(asked, recognizer.transcribe(asked), Randomness(SEED))
    print(f"WER on 40 utterances of its own training, greedy: {shown(wer)}", file=sys.stderr)
    model = ClassBigrams.learn([u.text for u in public])
    pool = names(size.pool)
    rows = []
    for kind, kinds in BIASING.items():
        empty = Personal((), frozenset(kinds), model)
        for probe, speech in probes(pool).items():
            bare = empty.hypotheses(recognizer, speech)
            for length in size.lists:
                draws = Randomness(SEED).child("lists", length)
                lists = [
                    frozenset(draws.child(user).numpy().choice(pool, length, replace=False))
                    for user in range(size.users)
                ]
                listed = [
                    replace(empty, words=sorted(words)).hypotheses(recognizer, speech)
                    for words in lists
                ]
                rows.append([kind, probe, length, *row(pool, lists, listed, bare)])
                print(rows[-1], file=sys.stderr, flush=True)
    header = ["biasing", "probe", "names listed", "AUC, transcripts", "AUC, scores"]
    print(tabulate(rows, [*header, "list read", "of it right"], tablefmt="github"))


if __name__ == "__main__":
    main(TOY if sys.argv[1:2] == ["toy"] else FULL)
