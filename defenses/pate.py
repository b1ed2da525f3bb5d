"""Private aggregation of teacher ensembles (Papernot et al. 2017, 2018) for speech.

Everything begins at the recipe's student, or at its start where there is none. Teachers learn from
disjoint shards of the private speech. They transcribe public, untranscribed speech and vote,
utterance by utterance, among hypotheses that the public model proposes. What is voted on is a
whole utterance among a short list, because every vote costs privacy and the list costs none. The
noisy counts are weighed against what the public model believed, and the new student learns the most
credible texts: with much noise it is the student of public speech alone, with none it learns what
most teachers say.

Teachers train in batched passes. Another shard can change how a teacher's sums are rounded, and
nothing else (`targets.ensemble`): the accounting, as everywhere here, takes arithmetic to be exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from dp_accounting import DpEvent
from numpy.typing import NDArray

from defenses.accounting import (
    calibrated,
    confident_test_noise,
    confident_votes_event,
    gaussian_votes_event,
    laplace_votes_event,
)
from defenses.base import Trained, weights_of
from defenses.student import Evidence, labelled, shortlists, taught
from defenses.votes import ballot, confident, evidence, noisy_counts
from targets.ensemble import fit_ensemble
from targets.errors import OverheardError
from targets.progress import report, stage
from targets.randomness import Randomness
from targets.recipe import Recipe, Schedule
from targets.speech import Unit, Utterance

SHARD_BATCH = 8  # a shard holds few utterances, and a teacher needs more than a step an epoch
Noise = Literal["laplace", "gaussian", "confident"]
PROPOSING, ASKED = 0.1, 0.6  # where in the work these are done; the rest is the student's
TEACHING = 0.8  # of teaching and asking together


@dataclass(frozen=True)
class PATE:
    """A student of noisy votes: Laplace noise is LNMax, Gaussian noise is GNMax.

    `teachers` shards the members; `queries` is how many untranscribed public utterances are voted
    on, each among `hypotheses` of the public model; `agreement` is the share of the teachers that
    is expected to vote for what was said. The student learns the most credible `keep` of the
    untranscribed public speech, and all that is transcribed. With "confident" noise
    (Confident-GNMax) a query is answered where a hypothesis has about `threshold` of the teachers,
    until `answers` are given; testing that takes `test_share` of the budget. Where the `unit` is
    the speaker, all that a speaker said goes to one teacher, and the guarantee is one of speakers.
    """

    epsilon: float
    noise: Noise = "gaussian"
    teachers: int = 50
    teacher_epochs: int = 10
    teacher_learning_rate: float = 5e-4
    queries: int = 400
    hypotheses: int = 8
    agreement: float = 0.3
    keep: float = 0.6
    student_epochs: int = 10
    student_learning_rate: float = 2e-3
    threshold: float = 0.5
    answers: int = 200
    test_share: float = 0.25
    unit: Unit = "utterance"

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            OverheardError: an unknown noise or unit, fewer than one teacher, query, hypothesis or
                answer, or a share that is none.
        """
        if self.noise not in get_args(Noise):
            raise OverheardError(f"noise {self.noise!r}: use one of {', '.join(get_args(Noise))}")
        if self.unit not in get_args(Unit):
            raise OverheardError(f"unit {self.unit!r}: use one of {', '.join(get_args(Unit))}")
        for name in ("teachers", "queries", "hypotheses", "answers"):
            if getattr(self, name) < 1:
                raise OverheardError(f"{name} is {getattr(self, name)}: give at least 1")
        if not 0 < self.keep <= 1:
            raise OverheardError(f"keep is {self.keep}: give a share above 0, at most 1")
        for name in ("agreement", "threshold", "test_share"):
            if not 0 < getattr(self, name) < 1:
                raise OverheardError(f"{name} is {getattr(self, name)}: give a share within (0, 1)")

    def train(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        public: Sequence[Utterance],
        rng: Randomness,
    ) -> Trained:
        """See `Defense`.

        Raises:
            OverheardError: there is no untranscribed public speech to vote on, or ε is out of
                reach.
        """
        recipe = recipe.self_trained()
        audio = [u for u in public if not u.text]
        asked = audio[: self.queries]
        if not asked:
            raise OverheardError("PATE needs untranscribed public speech to vote on: there is none")
        event_of, settings = self._pricing(len(asked))
        scale = calibrated(event_of, self.epsilon, recipe.delta, *settings)
        lists = shortlists(recipe, audio, self.hypotheses)
        report(PROPOSING)
        with stage(PROPOSING, ASKED):
            heard = self._teach_and_ask(recipe, members, asked, rng)
        ballots = map(ballot, (s.texts for s in lists), zip(*heard, strict=True))
        told = self._vote(ballots, scale, settings, rng)
        unasked: list[Evidence] = [None] * (len(audio) - len(asked))
        labels = labelled(audio, lists, told + unasked, self.keep)
        with stage(ASKED, 1.0):
            student = taught(
                recipe,
                public,
                labels,
                self.student_epochs,
                self.student_learning_rate,
                rng.child("student"),
            )
        notes = {
            "vote_noise": scale,
            "votes": len(asked),
            "teachers": self.teachers,
            "labels": len(labels),
        }
        if self.noise == "confident":
            notes["answers"] = sum(nats is not None for nats in told)
        return Trained(weights_of(student), event_of(scale, *settings), notes, self.unit)

    def _pricing(self, asked: int) -> tuple[Callable[..., DpEvent], tuple[float, ...]]:
        """Return the event by its noise, and its further arguments: public, all of them."""
        if self.noise == "laplace":
            return laplace_votes_event, (asked,)
        if self.noise == "gaussian":
            return gaussian_votes_event, (asked,)
        return confident_votes_event, (asked, min(self.answers, asked), self.test_share)

    def _vote(
        self,
        ballots: Iterable[NDArray[np.int64]],
        scale: float,
        settings: tuple[float, ...],
        rng: Randomness,
    ) -> list[Evidence]:
        """Return what the noisy votes of every query say, or None where it is not answered."""
        generator = rng.child("votes").numpy()
        draw = generator.laplace if self.noise == "laplace" else generator.normal
        deviation = scale * math.sqrt(2) if self.noise == "laplace" else scale

        def answer(counts: NDArray[np.int64]) -> Evidence:
            noisy = noisy_counts(counts, lambda shape: draw(0.0, scale, shape))
            return evidence(noisy, self.agreement * self.teachers, deviation)

        if self.noise != "confident":
            return [answer(counts) for counts in ballots]
        asked, answers, share = settings
        test_noise = confident_test_noise(scale, int(asked), int(answers), share)
        answered: list[Evidence] = []
        given = 0
        for counts in ballots:
            sure = given < answers and confident(
                counts,
                self.threshold * self.teachers,
                lambda shape: draw(0.0, test_noise, shape),
            )
            given += sure
            answered.append(answer(counts) if sure else None)
        return answered

    def _teach_and_ask(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        asked: Sequence[Utterance],
        rng: Randomness,
    ) -> list[list[str]]:
        """Return the transcripts of the asked utterances by every teacher."""
        schedule = Schedule(self.teacher_epochs, SHARD_BATCH, self.teacher_learning_rate)
        dealt = shards(members, self.teachers, rng.child("shards"), self.unit)
        with stage(0.0, TEACHING):
            teachers = fit_ensemble(recipe, dealt, schedule, rng.child("teachers"))
        heard = teachers.transcribe(asked)
        report(1.0)
        return heard


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
