"""Teachers of disjoint shards of the private speech, and what they say of public speech.

Teachers train in batched passes. Another shard can change how a teacher's sums are rounded, and
nothing else (`targets.training.ensemble`): the accounting, as everywhere here, takes arithmetic to
be exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from defenses.pate.votes import ballot
from defenses.public.pseudo_labels import Shortlist, shortlists
from targets.core.errors import OverheardError
from targets.core.progress import report, stage
from targets.core.randomness import Randomness
from targets.speech.utterance import Unit, Utterance
from targets.training.ensemble import fit_ensemble
from targets.training.recipe import Recipe, Schedule

SHARD_BATCH = 8  # a shard holds few utterances, and a teacher needs more than a step an epoch
PROPOSED, TAUGHT = 0.15, 0.85  # where in the work these have been done; the rest is asking


@dataclass(frozen=True, eq=False)
class Ballots:
    """What the teachers voted: private, until noise is added to it.

    `lists` are the public model's hypotheses for all untranscribed public speech; `counts` (K,) the
    votes among them, for the first utterances, which were asked about.
    """

    lists: Sequence[Shortlist]
    counts: Sequence[NDArray[np.int64]]


@dataclass(frozen=True)
class Poll:
    """How teachers are taught and what they are asked: all of PATE that needs the members.

    Neither ε nor the noise enters, so that schemes which differ in those alone can share one poll.
    """

    teachers: int
    epochs: int
    learning_rate: float
    queries: int
    hypotheses: int
    unit: Unit

    def asked(self, public: Sequence[Utterance]) -> list[Utterance]:
        """Return the public utterances that are voted on.

        Raises:
            OverheardError: there is no untranscribed public speech.
        """
        asked = _untranscribed(public)[: self.queries]
        if not asked:
            raise OverheardError("PATE needs untranscribed public speech to vote on: there is none")
        return asked

    def take(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Ballots:
        """Train the teachers, from the recipe's student or start, and count their votes.

        Raises:
            OverheardError: there is no untranscribed public speech to vote on.
        """
        recipe = recipe.self_trained()
        asked = self.asked(public)
        lists = shortlists(recipe, _untranscribed(public), self.hypotheses)
        report(PROPOSED)
        schedule = Schedule(self.epochs, SHARD_BATCH, self.learning_rate)
        dealt = shards(members, self.teachers, rng.child("shards"), self.unit)
        with stage(PROPOSED, TAUGHT):
            teachers = fit_ensemble(recipe, dealt, schedule, rng.child("teachers"))
        heard = zip(*teachers.transcribe(asked), strict=True)
        counts = [ballot(s.texts, said) for s, said in zip(lists, heard, strict=False)]
        report(1.0)
        return Ballots(lists, counts)


def shards(
    members: Sequence[Utterance], count: int, rng: Randomness, unit: Unit = "utterance"
) -> list[list[Utterance]]:
    """Deal the members into disjoint shards, each by its own id or by its speaker's.

    By id and not by position: one unit more or less must not move any other one, or it
    would change more than one teacher. An utterance that is listed several times (a repeated
    canary) stays with one teacher.
    """
    dealt: list[list[Utterance]] = [[] for _ in range(count)]
    for member in members:
        name = member.id if unit == "utterance" else member.speaker
        dealt[rng.child(name).integer() % count].append(member)
    return dealt


def _untranscribed(public: Sequence[Utterance]) -> list[Utterance]:
    return [u for u in public if not u.text]
