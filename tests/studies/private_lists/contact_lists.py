"""Is a private contact list readable? The attacker asks for names, and sees what is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from attacks.membership.contact_lists import (
    Answer,
    extracted,
    judged,
    membership,
    over_users,
    scores_of_scores,
    scores_of_transcripts,
)
from targets.models.context.language_model import ClassBigrams
from targets.models.context.personal import KINDS, Personal
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Utterance
from targets.synthetic.corpus import default_cache
from targets.synthetic.rare.calls import Call, say_calls
from targets.synthetic.rare.names import RareName, near_names, rare_names
from tests.studies.intervals import shown
from tests.studies.private_lists.figures import Figures, Row
from tests.studies.private_lists.teaching import ATTACKER, RANDOM, SEED, Size

WAYS: Mapping[str, tuple[Collection[str], float]] = {
    "adapter": (("adapter",), 1.0),
    "boosting": (("boosting",), 1.0),
    "all": (KINDS, 1.0),
    "boosting, half the bonus": (("boosting",), 0.5),
}
ITSELF, NEAR = "the name", "a name near it"
CARRIER = "call {}"


@dataclass(frozen=True)
class Users:
    """Users' lists of names of a pool, and what their recognisers answer to a probe of each."""

    pool: Sequence[str]
    lists: Sequence[frozenset[str]]
    answers: Sequence[Sequence[Answer]]
    bare: Sequence[Answer]

    def judged(self, lists: Sequence[frozenset[str]]) -> Row:
        """Return how well answers tell lists: their own, or, of a control, those of others."""
        on_list = [name in words for words in lists for name in self.pool]
        users = np.repeat(np.arange(len(lists)), len(self.pool))
        scores = {
            "transcripts": [scores_of_transcripts(self.pool, a, self.bare) for a in self.answers],
            "scores": [scores_of_scores(a, self.bare) for a in self.answers],
        }
        aucs = {
            f"AUC, {kind}": shown(membership(np.concatenate(rows), on_list, users, RANDOM))
            for kind, rows in scores.items()
        }
        read = [
            judged(extracted(answers, self.bare), words)
            for answers, words in zip(self.answers, lists, strict=True)
        ]
        right = [r.precision for r in read if r.precision is not None]
        return aucs | {
            "list read": shown(over_users([r.recall for r in read])),
            "of it right": shown(over_users(right)) if right else "-",
        }


def probes(pool: Sequence[RareName]) -> dict[str, list[Utterance]]:
    """Return the attacker's speech: of every name itself, and of a name near it."""
    taken = {name.said for name in pool}
    words = {
        ITSELF: list(pool),
        NEAR: [next(n for n in near_names(name) if n.said not in taken) for name in pool],
    }
    return {
        kind: say_calls(
            [Call(f"{kind}-{n}", ATTACKER, CARRIER, (word,)) for n, word in enumerate(some)],
            seed=SEED,
            cache=default_cache(),
        )
        for kind, some in words.items()
    }


def leakage(recognizer: Recognizer, model: ClassBigrams, size: Size, figures: Figures) -> None:
    """Measure how well lists are told and read, for each way of biasing and length of the list."""
    names = rare_names("lists", size.pool)
    pool = [name.written for name in names]
    pronunciations = {name.written: [name.said] for name in names}
    said = probes(names)
    middle = size.lists[len(size.lists) // 2]
    asked = [(ITSELF, length) for length in size.lists] + [(NEAR, middle)]
    for way, (kinds, nats) in WAYS.items():
        empty = Personal((), frozenset(kinds), model, pronunciations, nats)
        for probe, length in asked:

            def users(probe: str = probe, length: int = length, empty: Personal = empty) -> Users:
                lists = drawn(pool, length, size.users)
                answers = [
                    replace(empty, words=sorted(words)).hypotheses(recognizer, said[probe])
                    for words in lists
                ]
                return Users(pool, lists, answers, empty.hypotheses(recognizer, said[probe]))

            def both(users=users) -> Row:
                found = users()
                others = [*found.lists[1:], found.lists[0]]
                control = {f"{k}, another's": v for k, v in found.judged(others).items()}
                return found.judged(found.lists) | control

            figures.row("leakage", {"biasing": way, "probe": probe, "listed": length}, both)


def drawn(pool: Sequence[str], length: int, users: int) -> list[frozenset[str]]:
    """Return the lists of users, names of a pool."""
    draws = RANDOM.child("lists", length)
    return [
        frozenset(map(str, draws.child(user).numpy().choice(pool, length, replace=False)))
        for user in range(users)
    ]
