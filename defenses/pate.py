"""Private aggregation of teacher ensembles (Papernot et al. 2017, 2018) for speech.

Teachers learn from disjoint shards of the private speech. They transcribe public, untranscribed
speech and vote, utterance by utterance, among hypotheses that the public start proposes; the
student learns from the noisy winners. What is voted on is a whole utterance among a short list,
because every vote costs privacy and the list costs none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
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
from defenses.votes import ballot, confident, noisy_winner
from targets.ensemble import fit_ensemble
from targets.errors import OverheardError
from targets.progress import report, stage
from targets.randomness import Randomness
from targets.recipe import Recipe, Schedule
from targets.speech import Utterance
from targets.training import fit

SHARD_BATCH = 8  # a shard holds few utterances, and a teacher needs more than a step an epoch
Noise = Literal["laplace", "gaussian", "confident"]
TEACHING, ASKING = 0.6, 0.2  # shares of the work; the rest is the student's


@dataclass(frozen=True)
class PATE:
    """A student of noisy votes: Laplace noise is LNMax, Gaussian noise is GNMax.

    `teachers` shards the members; `queries` is how many untranscribed public utterances are voted
    on, each among `hypotheses` of the public start. With "confident" noise (Confident-GNMax) a
    query is answered where a hypothesis has about `threshold` of the teachers, until `answers`
    are given; testing that takes `test_share` of the budget.
    """

    epsilon: float
    noise: Noise = "gaussian"
    teachers: int = 50
    teacher_epochs: int = 10
    teacher_learning_rate: float = 1e-3
    queries: int = 400
    hypotheses: int = 16
    student_epochs: int = 8
    student_learning_rate: float = 1e-3
    threshold: float = 0.5
    answers: int = 200
    test_share: float = 0.25

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            OverheardError: an unknown noise, fewer than one teacher, query, hypothesis or answer,
                or a share that is none.
        """
        if self.noise not in get_args(Noise):
            raise OverheardError(f"noise {self.noise!r}: use one of {', '.join(get_args(Noise))}")
        for name in ("teachers", "queries", "hypotheses", "answers"):
            if getattr(self, name) < 1:
                raise OverheardError(f"{name} is {getattr(self, name)}: give at least 1")
        for name in ("threshold", "test_share"):
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
        asked = [u for u in public if not u.text][: self.queries]
        if not asked:
            raise OverheardError("PATE needs untranscribed public speech to vote on: there is none")
        event_of, settings = self._pricing(len(asked))
        scale = calibrated(event_of, self.epsilon, recipe.delta, *settings)
        lists = _shortlists(recipe, asked, self.hypotheses)
        with stage(0.0, TEACHING + ASKING):
            heard = self._teach_and_ask(recipe, members, asked, rng)
        winners = self._vote(map(ballot, lists, zip(*heard, strict=True)), scale, settings, rng)
        labels = [
            "" if winner is None else candidates[winner]
            for candidates, winner in zip(lists, winners, strict=True)
        ]
        student = recipe.build()
        lessons = [u for u in public if u.text]
        lessons += [replace(u, text=label) for u, label in zip(asked, labels, strict=True)]
        schedule = Schedule(
            self.student_epochs, recipe.schedule.batch_size, self.student_learning_rate
        )
        with stage(TEACHING + ASKING, 1.0):
            fit(student, [u for u in lessons if u.text], schedule, rng.child("student"))
        notes = {"vote_noise": scale, "votes": len(asked), "teachers": self.teachers}
        if self.noise == "confident":
            notes["answers"] = len(winners) - winners.count(None)
        return Trained(weights_of(student), event_of(scale, *settings), notes)

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
    ) -> list[int | None]:
        """Return the noisy winner of every query, or None where it is not answered."""
        generator = rng.child("votes").numpy()
        draw = generator.laplace if self.noise == "laplace" else generator.normal
        if self.noise != "confident":
            return [noisy_winner(c, lambda shape: draw(0.0, scale, shape)) for c in ballots]
        asked, answers, share = settings
        test_noise = confident_test_noise(scale, int(asked), int(answers), share)
        winners: list[int | None] = []
        for counts in ballots:
            spent = len(winners) - winners.count(None) >= answers
            bar = self.threshold * self.teachers
            if spent or not confident(counts, bar, lambda shape: draw(0.0, test_noise, shape)):
                winners.append(None)
            else:
                winners.append(noisy_winner(counts, lambda shape: draw(0.0, scale, shape)))
        return winners

    def _teach_and_ask(
        self,
        recipe: Recipe,
        members: Sequence[Utterance],
        asked: Sequence[Utterance],
        rng: Randomness,
    ) -> list[list[str]]:
        """Return the transcripts of the asked utterances by every teacher."""
        schedule = Schedule(self.teacher_epochs, SHARD_BATCH, self.teacher_learning_rate)
        dealt = shards(members, self.teachers, rng.child("shards"))
        with stage(0.0, TEACHING / (TEACHING + ASKING)):
            teachers = fit_ensemble(recipe, dealt, schedule, rng.child("teachers"))
        heard = teachers.transcribe(asked)
        report(1.0)
        return heard


def shards(members: Sequence[Utterance], count: int, rng: Randomness) -> list[list[Utterance]]:
    """Deal the members into disjoint shards, each by its own id.

    By id and not by position: one utterance more or less must not move any other one, or it
    would change more than one teacher. An utterance that is listed several times (a repeated
    canary) stays with one teacher.
    """
    dealt: list[list[Utterance]] = [[] for _ in range(count)]
    for member in members:
        dealt[rng.child(member.id).integer() % count].append(member)
    return dealt


def _shortlists(recipe: Recipe, asked: Sequence[Utterance], size: int) -> list[list[str]]:
    """Return the distinct hypotheses of the public start for each utterance, best first."""
    found = recipe.build().hypotheses(asked, size)
    return [list(dict.fromkeys(text for text, _ in hypotheses)) for hypotheses in found]
