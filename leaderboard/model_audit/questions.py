"""What a recogniser is asked: all of it follows from the planted folder, before any answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from leaderboard.planting.planted import Candidate, Planted
from leaderboard.recognisers.base import OutsideRecogniser
from leaderboard.recognisers.stimuli import Stimulus
from targets.speech.audio import read_audio
from targets.speech.utterance import Samples
from targets.synthetic.phrases import CANARIES

What = Literal["transcript", "draw", "likelihood", "states"]
Sound = Literal["audio", "covered", "stimulus"]

MODEL, BASE, REFERENCE = "model", "base", "reference"


@dataclass(frozen=True)
class Question:
    """One question: what is written for a sound, how likely a text is, or what an encoder says.

    `role` says who is asked: the model, its base, or "reference 1" and so on. `candidate` is the
    name of the stimulus where the sound is one; `number` which of several draws is asked for.
    """

    role: str
    candidate: str
    what: What
    sound: Sound = "audio"
    text: str = ""
    number: int = 0

    @property
    def key(self) -> str:
        """A name of the question; the text itself is in no answer file, but for canaries' own."""
        said = hashlib.sha256(self.text.encode()).hexdigest()[:16] if self.text else "-"
        what = f"draw {self.number}" if self.what == "draw" else self.what
        return "|".join((self.role, self.candidate, what, self.sound, said))


def roles_of(
    model: OutsideRecogniser,
    base: OutsideRecogniser | None = None,
    references: Sequence[OutsideRecogniser] = (),
) -> Mapping[str, OutsideRecogniser]:
    """Return who is asked, by role."""
    roles = {MODEL: model}
    roles |= {} if base is None else {BASE: base}
    return roles | {f"{REFERENCE} {n}": r for n, r in enumerate(references, 1)}


def chosen(planted: Planted, limit: int | None) -> tuple[Candidate, ...]:
    """Return the candidates that are asked about: all, or the first of an order without meaning."""
    return planted.candidates if limit is None else planted.candidates[:limit]


def alternatives(planted: Planted, count: int) -> dict[str, tuple[str, ...]]:
    """Return for each canary, by id, texts that hold other secrets of its space.

    Its twin is the first, the others are drawn; none is a text of the game, or what a
    mislabelled canary says: whoever just listens would find it likely. To a model that never saw
    the canary its own secret takes a uniform rank among them.
    """
    taken = {text.lower() for c in planted.canaries for text in (c.text, c.twin, c.heard)}
    found = {}
    for canary in planted.canaries:
        template = CANARIES[canary.template]
        draw = planted.rng.child("alternatives", canary.id).numpy()
        texts = [canary.twin]
        for _ in range(20 * count):  # a small space may have fewer that are free
            if len(texts) >= count:
                break
            text = template.fill(int(draw.integers(template.space_size)))
            cased = text.upper() if canary.text.isupper() else text
            if text not in taken and cased not in texts:
                texts.append(cased)
        found[canary.id] = tuple(texts)
    return found


def ranked_on(canary: Candidate) -> Sound:
    """Return the recording in which the secret is not heard, on which secrets are ranked."""
    return "covered" if canary.covered is not None else "audio"


def questions(
    role: str,
    candidate: Candidate,
    others: dict[str, tuple[str, ...]],
    *,
    likelihoods: bool,
    states: bool = False,
    transcript: bool = True,
) -> Iterator[Question]:
    """Yield what one recogniser is asked of a candidate.

    `others` are the `alternatives`, for the model alone; `likelihoods` and `states` say whether it
    has any, `transcript` whether that of the corpus's own speech is wanted: canaries' always are.
    """
    c = candidate
    if likelihoods:
        yield Question(role, c.id, "likelihood", text=c.text)
    if role.startswith(REFERENCE):
        return
    if transcript or c.kind == "canary":
        yield Question(role, c.id, "transcript")
    if c.kind != "canary":
        if states:
            yield Question(role, c.id, "states")
        return
    # Of an obscured canary the two recordings are the same.
    if c.form == "clear":
        yield Question(role, c.id, "transcript", "covered")
    if likelihoods and role == MODEL:
        for text in (c.text, *others[c.id]):
            question = Question(role, c.id, "likelihood", ranked_on(c), text)
            if (question.sound, text) != ("audio", c.text):
                yield question


def about_nothing(role: str, stimulus: Stimulus, draws: int = 0) -> Iterator[Question]:
    """Yield what one recogniser is asked of a sound in which nothing is said, and drawn answers."""
    yield Question(role, stimulus.name, "transcript", "stimulus")
    for number in range(draws):
        yield Question(role, stimulus.name, "draw", "stimulus", number=number)


def draws_of(canary: Candidate, draws: int) -> Iterator[Question]:
    """Yield the questions what the model draws where the secret is not heard."""
    for number in range(draws):
        yield Question(MODEL, canary.id, "draw", ranked_on(canary), number=number)


class Hearing:
    """Gives the sound (S,) of a question; it can be sent to other processes."""

    def __init__(self, candidates: Sequence[Candidate], stimuli: Sequence[Stimulus] = ()) -> None:
        """Take all that questions may be about."""
        self._candidates = {c.id: c for c in candidates}
        self._stimuli = {one.name: one for one in stimuli}

    def __call__(self, question: Question) -> Samples:
        """Return the sound."""
        if question.sound == "stimulus":
            return self._stimuli[question.candidate].samples.copy()
        candidate = self._candidates[question.candidate]
        path = candidate.audio if question.sound == "audio" else candidate.covered
        assert path is not None
        return read_audio(path).samples
