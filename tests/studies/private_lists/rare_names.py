"""What each kind of biasing gains, on speakers who taught the recogniser nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from attacks.statistics.means import mean
from targets.models.context.language_model import ClassBigrams
from targets.models.context.personal import KINDS, Personal
from targets.models.recognizer import Recognizer
from targets.speech.rare_words import rare_word_f1
from targets.speech.utterance import Utterance
from targets.speech.wer import word_error_rate
from targets.synthetic.rare.names import RareName, rare_names
from tests.studies.intervals import shown
from tests.studies.private_lists.figures import Figures, Row
from tests.studies.private_lists.teaching import RANDOM, TESTERS, TUNERS, Size, said

FIVE = KINDS[1:]  # of decoding alone
WAYS: Mapping[str, Collection[str]] = {
    "none": (),
    **{kind: (kind,) for kind in KINDS},
    "five of decoding": FIVE,
    "all": KINDS,
}
WEAKER = {f"{name}, half the bonus": WAYS[name] for name in ("boosting", "all")}


@dataclass(frozen=True)
class Speaker:
    """Whose list has which names, and what they say: half of them."""

    listed: Sequence[RareName]
    speech: Sequence[Utterance]

    def written(
        self, recognizer: Recognizer, model: ClassBigrams, kinds: Collection[str], nats: float
    ) -> list[str]:
        """Return what is written of the speech with the list."""
        words = [name.written for name in self.listed]
        pronunciations = {name.written: [name.said] for name in self.listed}
        personal = Personal(words, frozenset(kinds), model, pronunciations, nats)
        return personal.transcribe(recognizer, self.speech)


def speakers(pool: str, voices: range, size: Size) -> list[Speaker]:
    """Return speakers with lists that share no name."""
    found = []
    names = rare_names(pool, size.speakers * size.listed)
    for n, voice in enumerate(voices[: size.speakers]):
        listed = names[n * size.listed : (n + 1) * size.listed]
        speech = said(listed[: size.listed // 2], [voice], f"{pool}-{voice}")
        found.append(Speaker(sorted(listed, key=lambda name: name.written), speech))
    return found


def recognition(
    recognizer: Recognizer, model: ClassBigrams, size: Size, figures: Figures, *, tuning: bool
) -> None:
    """Measure F1 of names and word error rates: of test speakers, or of those tuned on."""
    table = "tuning" if tuning else "recognition"
    people = speakers(*(("tuning", TUNERS) if tuning else ("test", TESTERS)), size)
    speech = [u for person in people for u in person.speech]
    every = {name.written for person in people for name in person.listed}

    def f1(some: Sequence[Utterance], texts: Sequence[str]) -> float:
        return rare_word_f1(some, texts, every, RANDOM).value

    def written(kinds: Collection[str], nats: float) -> list[list[str]]:
        return [person.written(recognizer, model, kinds, nats) for person in people]

    bare = written((), 1.0)

    def measured(kinds: Collection[str], nats: float) -> Row:
        rows = written(kinds, nats)
        texts = [text for row in rows for text in row]
        gains = [
            f1(person.speech, ours) - f1(person.speech, plain)
            for person, ours, plain in zip(people, rows, bare, strict=True)
        ]
        return {
            "F1": shown(rare_word_f1(speech, texts, every, RANDOM)),
            "gain": shown(mean(gains)),
            "WER": shown(word_error_rate(speech, texts, RANDOM)),
            "names said": sum(w in every for u in speech for w in u.text.split()),
        }

    for ways, nats in ((WAYS, 1.0), (WEAKER, 0.5)):
        for name, kinds in ways.items():
            figures.row(table, {"biasing": name}, lambda k=kinds, n=nats: measured(k, n))
