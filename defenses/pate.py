"""Private aggregation of teacher ensembles (Papernot et al. 2017, 2018) for speech.

Teachers learn from disjoint shards of the private speech. They transcribe public, untranscribed
speech and vote, utterance by utterance, among hypotheses that the public start proposes; the
student learns from the noisy winners. What is voted on is a whole utterance among a short list,
because every vote costs privacy and the list costs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from defenses.accounting import calibrated, gaussian_votes_event, laplace_votes_event
from defenses.base import Trained, weights_of
from defenses.votes import ballot, noisy_winner
from targets.ensemble import fit_ensemble
from targets.errors import OverheardError
from targets.progress import report, stage
from targets.randomness import Randomness
from targets.recipe import Recipe, Schedule
from targets.speech import Utterance
from targets.training import fit

SHARD_BATCH = 8  # a shard holds few utterances, and a teacher needs more than a step an epoch
Noise = Literal["laplace", "gaussian"]
TEACHING, ASKING = 0.6, 0.2  # shares of the work; the rest is the student's


@dataclass(frozen=True)
class PATE:
    """A student of noisy votes: Laplace noise is LNMax, Gaussian noise is GNMax.

    `teachers` shards the members; `queries` is how many untranscribed public utterances are voted
    on, each among `hypotheses` of the public start.
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

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            OverheardError: an unknown noise, or fewer than one teacher, query or hypothesis.
        """
        if self.noise not in get_args(Noise):
            raise OverheardError(f"noise {self.noise!r}: use one of {', '.join(get_args(Noise))}")
        for name in ("teachers", "queries", "hypotheses"):
            if getattr(self, name) < 1:
                raise OverheardError(f"{name} is {getattr(self, name)}: give at least 1")

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
        event_of = laplace_votes_event if self.noise == "laplace" else gaussian_votes_event
        scale = calibrated(event_of, self.epsilon, recipe.delta, len(asked))
        lists = _shortlists(recipe, asked, self.hypotheses)
        with stage(0.0, TEACHING + ASKING):
            heard = self._teach_and_ask(recipe, members, asked, rng)
        generator = rng.child("votes").numpy()
        draw = generator.laplace if self.noise == "laplace" else generator.normal
        labels = []
        for candidates, transcripts in zip(lists, zip(*heard, strict=True), strict=True):
            counts = ballot(candidates, transcripts)
            winner = noisy_winner(counts, lambda shape: draw(0.0, scale, shape))
            labels.append(candidates[winner])
        student = recipe.build()
        lessons = [u for u in public if u.text]
        lessons += [replace(u, text=label) for u, label in zip(asked, labels, strict=True)]
        schedule = Schedule(
            self.student_epochs, recipe.schedule.batch_size, self.student_learning_rate
        )
        with stage(TEACHING + ASKING, 1.0):
            fit(student, [u for u in lessons if u.text], schedule, rng.child("student"))
        notes = {"vote_noise": scale, "votes": len(asked), "teachers": self.teachers}
        return Trained(weights_of(student), event_of(scale, len(asked)), notes)

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
