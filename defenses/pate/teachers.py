"""Teachers of disjoint shards of the private speech, and what they say of public speech.

Teachers train in batched passes. Another shard can change how a teacher's sums are rounded, and
nothing else (`targets.training.ensemble`): the accounting, as everywhere here, takes arithmetic to
be exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from defenses.base import JsonValue
from defenses.pate.votes import count_votes
from defenses.public.pseudo_labels import Shortlist, shortlists
from defenses.public.verbalisation import verbalised
from targets.core.errors import OverheardError
from targets.core.progress import report, stage
from targets.core.randomness import Randomness
from targets.speech.utterance import Unit, Utterance, unit_key
from targets.training.ensemble import fit_ensemble
from targets.training.recipe import Recipe, Schedule

SHARD_BATCH = 8  # a shard holds few utterances, and a teacher needs more than a step an epoch
Choice = Literal["first", "cover"]
PROPOSED, TAUGHT = 0.15, 0.85  # where in the work these have been done; the rest is transcribing


@dataclass(frozen=True, eq=False)
class Votes:
    """What the teachers voted: private, until noise is added to it.

    `lists` are the public model's hypotheses for all untranscribed public speech; `counts` (K,) the
    votes among them, for the utterances that were voted on: those at the places `asked`, or the
    first ones.
    """

    lists: Sequence[Shortlist]
    counts: Sequence[NDArray[np.int64]]
    asked: Sequence[int] | None = None

    @property
    def places(self) -> Sequence[int]:
        """Where among the lists those are that were voted on."""
        return range(len(self.counts)) if self.asked is None else self.asked

    def to_json(self) -> dict[str, JsonValue]:
        """Return the votes as JSON knows them: no digit is lost."""
        return {
            "texts": [list(one.texts) for one in self.lists],
            "log_probs": [one.log_probs.tolist() for one in self.lists],
            "counts": [counts.tolist() for counts in self.counts],
            "asked": None if self.asked is None else list(self.asked),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Votes:
        """Return the votes of which `to_json` made this; other keys are passed over.

        Raises:
            OverheardError: a key is missing, or the lists do not fit each other.
        """
        try:
            texts, log_probs = content["texts"], content["log_probs"]
            lists = [
                Shortlist(list(t), np.array(p, dtype=np.float64))
                for t, p in zip(texts, log_probs, strict=True)
            ]
            counts = [np.array(c, dtype=np.int64) for c in content["counts"]]
            asked = content.get("asked")
            votes = cls(lists, counts, None if asked is None else [int(place) for place in asked])
        except (KeyError, TypeError, ValueError) as error:
            kind = type(error).__name__
            raise OverheardError(f"these are no votes of teachers: {kind}: {error}") from None
        sizes = [(len(one.texts),) for one in lists]
        fit = all(one.log_probs.shape == size for one, size in zip(lists, sizes, strict=True))
        voted_on = [sizes[place] for place in votes.places if 0 <= place < len(sizes)]
        if not fit or [c.shape for c in counts] != voted_on:
            raise OverheardError("these are no votes of teachers: lists and counts do not fit")
        return votes


@dataclass(frozen=True)
class TeacherVotes:
    """How teachers are taught and what they vote on: all of PATE that needs the members.

    Neither ε nor the noise enters, so that schemes which differ in those alone can share it. With
    `verbalised` lists hold every way in which a hypothesis may have been said. By the `choice`
    "cover" it is asked about utterances with many words that are rare among those asked already.
    Both know public speech alone.
    """

    teachers: int
    epochs: int
    learning_rate: float
    queries: int
    hypotheses: int
    unit: Unit
    verbalised: bool = False
    choice: Choice = "first"

    @property
    def name(self) -> str:
        """See `SharedWork`."""
        return "teacher-votes"

    def asked(self, public: Sequence[Utterance]) -> list[Utterance]:
        """Return as many public utterances as are voted on: the first ones.

        Raises:
            OverheardError: there is no untranscribed public speech.
        """
        asked = _untranscribed(public)[: self.queries]
        if not asked:
            raise OverheardError("PATE needs untranscribed public speech to vote on: there is none")
        return asked

    def compute(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> dict[str, JsonValue]:
        """See `SharedWork`: `collect`, as JSON knows it."""
        return self.collect(recipe, members, public, rng).to_json()

    def collect(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Votes:
        """Train the teachers, from the recipe's student or start, and count their votes.

        Raises:
            OverheardError: there is no untranscribed public speech to vote on.
        """
        recipe = recipe.self_trained()
        asked, audio = self.asked(public), _untranscribed(public)
        lists = shortlists(recipe, audio, self.hypotheses)
        if self.verbalised:
            lists = [verbalised(one) for one in lists]
        places = None
        if self.choice == "cover":
            places = covering([one.texts[0] for one in lists], len(asked))
            asked = [audio[place] for place in places]
        report(PROPOSED)
        schedule = Schedule(self.epochs, SHARD_BATCH, self.learning_rate)
        dealt = shards(members, self.teachers, rng.child("shards"), self.unit)
        with stage(PROPOSED, TAUGHT):
            teachers = fit_ensemble(recipe, dealt, schedule, rng.child("teachers"))
        heard = zip(*teachers.transcribe(asked), strict=True)
        ballots = lists if places is None else [lists[place] for place in places]
        counts = [count_votes(s.texts, said) for s, said in zip(ballots, heard, strict=False)]
        report(1.0)
        return Votes(lists, counts, places)


def covering(texts: Sequence[str], count: int) -> list[int]:
    """Return the places of `count` texts that together hold many words, each as often as can be.

    A text is worth the sum over its words of 1 / (1 + how often it was said in those chosen so
    far); the most valuable one is chosen next, of equals the first. A query costs the same whatever
    it is about, so that a long utterance teaches more for its price.
    """
    left, said, chosen = list(range(len(texts))), Counter[str](), list[int]()
    words = [text.split() for text in texts]
    for _ in range(min(count, len(texts))):
        best = max(left, key=lambda place: sum(1 / (1 + said[word]) for word in words[place]))
        left.remove(best)
        chosen.append(best)
        said.update(words[best])
    return chosen


def shards(
    members: Sequence[Utterance], count: int, rng: Randomness, unit: Unit = "utterance"
) -> list[list[Utterance]]:
    """Deal the members into disjoint shards, each by the name of its privacy unit.

    By name and not by position: one unit more or less must not move any other one, or it
    would change more than one teacher. An utterance that is listed several times (a repeated
    canary) stays with one teacher.
    """
    dealt: list[list[Utterance]] = [[] for _ in range(count)]
    for member in members:
        dealt[rng.child(unit_key(member, unit)).integer() % count].append(member)
    return dealt


def _untranscribed(public: Sequence[Utterance]) -> list[Utterance]:
    return [u for u in public if not u.text]
