"""Private aggregation of teacher ensembles (Papernot et al. 2017, 2018) for speech.

Everything begins at the recipe's student, or at its start where there is none. Teachers learn from
disjoint shards of the private speech. They transcribe public, untranscribed speech and vote,
utterance by utterance, among hypotheses that the public model proposes. What is voted on is a
whole utterance among a short list, because every vote costs privacy and the list costs none. The
noisy counts are weighed against what the public model believed, and the new student learns the most
credible texts: with much noise it is the student of public speech alone, with none it learns what
most teachers say.

The private speech is touched in `defenses.pate.teachers` alone, and what comes from there reaches
the student through noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from dp_accounting import DpEvent
from numpy.typing import NDArray

from defenses.accounting.price import (
    calibrated,
    confident_test_noise,
    confident_votes_event,
    gaussian_votes_event,
    laplace_votes_event,
)
from defenses.base import Trained, weights_of
from defenses.pate.teachers import Ballots, Poll
from defenses.pate.votes import confident, evidence, noisy_counts
from defenses.public.pseudo_labels import Evidence, labelled, taught
from targets.core.errors import OverheardError
from targets.core.progress import stage
from targets.core.randomness import Randomness
from targets.speech.utterance import Unit, Utterance
from targets.training.recipe import Recipe

Noise = Literal["laplace", "gaussian", "confident"]
POLLED = 0.6  # of the work; the rest is the student's


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

    @property
    def poll(self) -> Poll:
        """All that needs the members: the same for every ε and every noise."""
        return Poll(
            self.teachers,
            self.teacher_epochs,
            self.teacher_learning_rate,
            self.queries,
            self.hypotheses,
            self.unit,
        )

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
        self._noise(recipe, len(self.poll.asked(public)))  # refused before any teacher has learnt
        with stage(0.0, POLLED):
            ballots = self.poll.take(recipe, members, public, rng)
        with stage(POLLED, 1.0):
            return self.learn(recipe, public, ballots, rng)

    def learn(
        self, recipe: Recipe, public: Sequence[Utterance], ballots: Ballots, rng: Randomness
    ) -> Trained:
        """Return a student of ballots that were taken on the recipe and the public speech.

        Raises:
            OverheardError: ε is out of reach.
        """
        votes = len(ballots.counts)
        event_of, settings = self._pricing(votes)
        scale = self._noise(recipe, votes)
        told = self._vote(ballots.counts, scale, settings, rng)
        audio = [u for u in public if not u.text]
        unasked: list[Evidence] = [None] * (len(audio) - votes)
        labels = labelled(audio, ballots.lists, told + unasked, self.keep)
        student = taught(
            recipe.self_trained(),
            public,
            labels,
            self.student_epochs,
            self.student_learning_rate,
            rng.child("student"),
        )
        notes = {
            "vote_noise": scale,
            "votes": votes,
            "teachers": self.teachers,
            "labels": len(labels),
        }
        if self.noise == "confident":
            notes["answers"] = sum(nats is not None for nats in told)
        return Trained(weights_of(student), event_of(scale, *settings), notes, self.unit)

    def _noise(self, recipe: Recipe, votes: int) -> float:
        """Return the scale of the noise on every count."""
        event_of, settings = self._pricing(votes)
        return calibrated(event_of, self.epsilon, recipe.delta, *settings)

    def _pricing(self, asked: int) -> tuple[Callable[..., DpEvent], tuple[float, ...]]:
        """Return the event by its noise, and its further arguments: public, all of them."""
        if self.noise == "laplace":
            return laplace_votes_event, (asked,)
        if self.noise == "gaussian":
            return gaussian_votes_event, (asked,)
        return confident_votes_event, (asked, min(self.answers, asked), self.test_share)

    def _vote(
        self,
        ballots: Sequence[NDArray[np.int64]],
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
