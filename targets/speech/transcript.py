"""Transcripts in overheard's alphabet: lower-case letters, apostrophes and single spaces."""

from __future__ import annotations

import re
import unicodedata

_SPOKEN_SYMBOLS = frozenset("&%@#")  # Unicode calls them punctuation, people read them aloud
_APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'", "＇": "'"})
_GAPS = frozenset("/\\_")  # together with all dashes: they stand between words
_LONE_APOSTROPHE = re.compile(r"(?<![a-z])'(?![a-z])")


class TranscriptError(ValueError):
    """A transcript cannot be used: one line that says why, and `remedy`, what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def normalise(text: str) -> str:
    """Return `text` in lower-case letters a to z, apostrophes and single spaces.

    Accents are taken off, punctuation is dropped, dashes and slashes become spaces. What is read
    aloud but cannot be kept is refused rather than dropped: the audio would say more than the text.

    Raises:
        TranscriptError: the text is empty, or has digits, symbols or letters beyond a to z.
    """
    kept = []
    # NFKD before lower(), and again by it: "É" becomes "E" and an accent, "Ⅳ" becomes letters.
    for character in unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).lower():
        kind = unicodedata.category(character)
        if "a" <= character <= "z" or character == "'":
            kept.append(character)
        elif character.isspace() or kind == "Pd" or character in _GAPS:
            kept.append(" ")
        elif kind.startswith("N"):
            raise TranscriptError(
                f"the transcript has the digit {character!r}", "spell numbers out as words"
            )
        elif kind.startswith("S") or character in _SPOKEN_SYMBOLS:
            raise TranscriptError(
                f"the transcript has the symbol {character!r}", "spell it out or remove it"
            )
        elif kind.startswith("L"):
            raise TranscriptError(
                f"the transcript has the letter {character!r}", "write it with a to z"
            )
        # What is left is dropped: punctuation, combining accents, control characters.
    words = _LONE_APOSTROPHE.sub(" ", "".join(kept)).split()
    if not words:
        raise TranscriptError("the transcript is empty", "transcribe the audio or drop the line")
    return " ".join(words)
