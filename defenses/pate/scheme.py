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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from defenses.base import JsonValue, Trained, weights_of
from defenses.pate.mechanism import ConfidentVotes, NoisyVotes, VoteMechanism
from defenses.pate.teachers import Choice, TeacherVotes, Votes
from defenses.pate.votes import evidence
from defenses.public.pseudo_labels import Evidence, labelled, shortlists, taught
from targets.core.errors import OverheardError
from targets.core.progress import stage
from targets.core.randomness import Randomness
from targets.models.recognizer import Recognizer
from targets.speech.utterance import Unit, Utterance
from targets.training.recipe import Recipe

Noise = Literal["laplace", "gaussian", "confident"]
COLLECTED = 0.6  # of the work; the rest is the student's
RELABELLED_BY = 8  # hypotheses at most: labels need no lists as long as votes do


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

    Where the start knows little, three options help, none of which costs privacy. With `verbalised`
    the lists hold every way in which a hypothesis may have been said. By the `choice` "cover" those
    utterances are asked about that teach many words, and often. With `rounds` the student learns
    from answered queries first; then it labels the rest of the public speech itself, in so many
    rounds, and a new student learns from both. Without, the rest is what the start makes of it.

    Teachers vote on `polled` utterances where that is more than `queries`: settings that differ in
    `queries` then share the votes. What is not answered is not given away, and costs nothing.
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
    verbalised: bool = False
    choice: Choice = "first"
    rounds: int = 0
    polled: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            OverheardError: an unknown noise, unit or choice, fewer than one teacher, query,
                hypothesis or answer, rounds below 0, or a share that is none.
        """
        if self.noise not in get_args(Noise):
            raise OverheardError(f"noise {self.noise!r}: use one of {', '.join(get_args(Noise))}")
        if self.unit not in get_args(Unit):
            raise OverheardError(f"unit {self.unit!r}: use one of {', '.join(get_args(Unit))}")
        if self.choice not in get_args(Choice):
            raise OverheardError(
                f"choice {self.choice!r}: use one of {', '.join(get_args(Choice))}"
            )
        if self.rounds < 0:
            raise OverheardError(f"rounds is {self.rounds}: give 0 or more")
        for name in ("teachers", "queries", "hypotheses", "answers"):
            if getattr(self, name) < 1:
                raise OverheardError(f"{name} is {getattr(self, name)}: give at least 1")
        if not 0 < self.keep <= 1:
            raise OverheardError(f"keep is {self.keep}: give a share above 0, at most 1")
        for name in ("agreement", "threshold", "test_share"):
            if not 0 < getattr(self, name) < 1:
                raise OverheardError(f"{name} is {getattr(self, name)}: give a share within (0, 1)")

    @property
    def shared_work(self) -> TeacherVotes:
        """All that needs the members: the same for every ε and every noise."""
        return TeacherVotes(
            self.teachers,
            self.teacher_epochs,
            self.teacher_learning_rate,
            max(self.polled, self.queries),
            self.hypotheses,
            self.unit,
            self.verbalised,
            self.choice,
        )

    def mechanism(self, queries: int) -> VoteMechanism:
        """Return what answers so many votes, not yet calibrated."""
        if self.noise == "confident":
            return ConfidentVotes(
                queries,
                min(self.answers, queries),
                self.threshold * self.teachers,
                self.test_share,
                self.unit,
            )
        return NoisyVotes(self.noise, queries, self.unit)

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
        votes = self.shared_work
        # An ε out of reach is refused before any teacher has learnt.
        queries = min(self.queries, len(votes.asked(public)))
        self.mechanism(queries).calibrated(self.epsilon, recipe.delta)
        with stage(0.0, COLLECTED):
            shared = votes.compute(recipe, members, public, rng)
        with stage(COLLECTED, 1.0):
            return self.finish(recipe, public, shared, rng)

    def finish(
        self,
        recipe: Recipe,
        public: Sequence[Utterance],
        shared: Mapping[str, JsonValue],
        rng: Randomness,
    ) -> Trained:
        """See `SharingDefense`: add noise to the votes, and teach the student what they say.

        Raises:
            OverheardError: ε is out of reach, or `shared` holds no votes.
        """
        votes = Votes.from_json(shared)
        counts = votes.counts[: self.queries] if self.polled else votes.counts
        mechanism = self.mechanism(len(counts)).calibrated(self.epsilon, recipe.delta)
        answers = mechanism.answers(counts, rng.child("votes").numpy())
        expected = self.agreement * self.teachers
        audio = [u for u in public if not u.text]
        weighed: list[Evidence] = [None] * len(audio)
        for place, noisy in zip(votes.places, answers, strict=False):
            if noisy is not None:
                weighed[place] = evidence(noisy, expected, mechanism.deviation)
        teach = self._taught_in_rounds if self.rounds else self._taught_once
        student, labels = teach(recipe.self_trained(), public, audio, votes, weighed, rng)
        notes = {
            "vote_noise": mechanism.scale,
            "votes": len(answers),
            "teachers": self.teachers,
            "labels": labels,
        }
        if self.noise == "confident":
            notes["answers"] = sum(noisy is not None for noisy in answers)
        return Trained(weights_of(student), mechanism.event, notes, mechanism.unit)

    def _taught_once(
        self,
        recipe: Recipe,
        public: Sequence[Utterance],
        audio: Sequence[Utterance],
        votes: Votes,
        weighed: Sequence[Evidence],
        rng: Randomness,
    ) -> tuple[Recognizer, int]:
        """Return a student of what start and votes make of all public speech, and the labels."""
        labels = labelled(audio, votes.lists, weighed, self.keep)
        return self._student(recipe, public, labels, rng.child("student")), len(labels)

    def _taught_in_rounds(
        self,
        recipe: Recipe,
        public: Sequence[Utterance],
        audio: Sequence[Utterance],
        votes: Votes,
        weighed: Sequence[Evidence],
        rng: Randomness,
    ) -> tuple[Recognizer, int]:
        """Return a student of the answers that has labelled the rest itself, and the labels."""
        voted = [n for n, nats in enumerate(weighed) if nats is not None]
        rest = [audio[n] for n, nats in enumerate(weighed) if nats is None]
        answered = labelled(
            [audio[n] for n in voted],
            [votes.lists[n] for n in voted],
            [weighed[n] for n in voted],
            1.0,
        )
        labels = answered
        student = self._student(recipe, public, labels, rng.child("student"))
        for number in range(self.rounds if rest else 0):
            taught_so_far = replace(recipe, start=weights_of(student))
            heard = shortlists(taught_so_far, rest, min(self.hypotheses, RELABELLED_BY))
            labels = [*answered, *labelled(rest, heard, [None] * len(rest), self.keep)]
            student = self._student(recipe, public, labels, rng.child("student", number + 1))
        return student, len(labels)

    def _student(
        self,
        recipe: Recipe,
        public: Sequence[Utterance],
        labels: Sequence[Utterance],
        rng: Randomness,
    ) -> Recognizer:
        return taught(recipe, public, labels, self.student_epochs, self.student_learning_rate, rng)
