"""The languages of the embedded voices: what is said in each, and how it is written down.

A voice keeps its throat in every language, and has an accent in English alone. What it is given to
say is spelled as the language is. The transcript has the letters a to z: German ä, ö, ü and ß
become ae, oe, ue and ss, as German itself does where they are missing; Spanish letters lose their
accents, and ñ becomes n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from targets.core.randomness import Randomness
from targets.speech.language import ENGLISH
from targets.synthetic import german, phrases, spanish
from targets.synthetic.phrases import PERSONAL_SHARE, Template, drawn_phrase

LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"} | dict(zip("áéíóúñ", "aeioun", strict=True))
)


@dataclass(frozen=True)
class Sentences:
    """What is said in a language: commands, and sentences with personal slots."""

    commands: Sequence[Template]
    personal: Sequence[Template]


SENTENCES: Mapping[str, Sentences] = {
    ENGLISH: Sentences(phrases.COMMANDS, phrases.PERSONAL),
    "es": Sentences(spanish.COMMANDS, spanish.PERSONAL),
    "de": Sentences(german.COMMANDS, german.PERSONAL),
}


def phrase_in(
    language: str, randomness: Randomness, personal: float = PERSONAL_SHARE
) -> tuple[str, str]:
    """Draw a phrase of a language, personal with this probability: its template and its text.

    Raises:
        KeyError: the embedded corpus does not speak the language.
    """
    said = SENTENCES[language]
    return drawn_phrase(said.commands, said.personal, randomness, personal)


def written(text: str) -> str:
    """Return the transcript of what was spelled to be said; of English it is the same."""
    return text.translate(LETTERS)
