"""Transcripts in overheard's alphabet: lower-case letters, apostrophes and single spaces."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from functools import lru_cache

_SPOKEN_SYMBOLS = frozenset("&%@#*")  # Unicode calls them punctuation, people read them aloud
# Quotation marks and accents that keyboards and typesetters use for the apostrophe.
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘‛ʼʻʽʹˈˊˋ´`′＇՚ꞌ＇", "'"))
_LOW_QUOTES = frozenset("„‚〝〞〟")  # Unicode calls them brackets
_LONE_APOSTROPHE = re.compile(r"(?<![a-z])'|'(?![a-z])")
_JOINS = frozenset("\u00ad\u200c\u200d\u200e\u200f\u2060\ufeff")  # invisible, inside words
_PLAIN = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*(?: [A-Za-z]+(?:'[A-Za-z]+)*)*")
# "[laughter]", "(mumbles)", "{cough}", "<unk>", "*inaudible*", "_noise_", "/noise/", "++um++".
_TAG = re.compile(
    r"\[[^\[\]]*\]|\([^()]*\)|\{[^{}]*\}|<[^<>]*>|(?<!\*)\*+[^*\s][^*]*\*+"
    r"|(?<!\w)_+[^\W_][^_\s]*_+(?!\w)|(?<![\w/])/[^\W\d_]+/(?![\w/])|(?<!\+)\++[^+\s]+\++"
)

# Ways in which `normalise` changes a text, in the order in which they are shown.
CHANGES = ("capitals", "punctuation", "dashes and slashes", "quotes and apostrophes", "accents")


class TranscriptError(ValueError):
    """A transcript cannot be used: one line that says why, and `remedy`, what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def normalise(text: str) -> str:
    """Return `text` in lower-case letters a to z, apostrophes and single spaces.

    Accents are taken off; punctuation separates words, but for the apostrophe inside a word. What
    is read aloud but cannot be kept is refused rather than dropped: the audio would say more than
    the text. So are tags of noises and events, which would become words that nobody says.

    Raises:
        TranscriptError: the text is empty, or has tags, digits, symbols or letters beyond a to z.
    """
    if _PLAIN.fullmatch(text):
        return text.lower()
    tag = _TAG.search(text)
    if tag:
        raise TranscriptError(
            f"the transcript has the tag {tag[0]!r}",
            "write what is said there in words, or remove the tag",
        )
    # NFKD before lower(), and again by it: "É" becomes "E" and an accent, "Ⅳ" becomes letters.
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).lower()
    kept = plain.translate(_BECOMES)
    words = _LONE_APOSTROPHE.sub(" ", kept).split()
    if not words:
        raise TranscriptError("the transcript is empty", "transcribe the audio or drop the line")
    return " ".join(words)


def written_plainly(text: str) -> str:
    """Return what a recogniser wrote as `normalise` would have it, but with nothing refused.

    Digits stay as they are, joined as they were written: they are words of no transcript, and
    count as errors. Symbols and letters beyond a to z separate words.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).lower()
    kept = "".join(map(_written, plain))
    return " ".join(_LONE_APOSTROPHE.sub(" ", kept).split())


def _written(character: str) -> str:
    try:
        return _BECOMES[ord(character)]
    except TranscriptError:
        return character if character in "0123456789" else " "


class _Becomes(dict[int, str]):
    """What each character becomes, found when it is first met: a text is then one translation."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _becomes(chr(code))
        return found


def _becomes(character: str) -> str:
    kind = unicodedata.category(character)
    if "a" <= character <= "z" or character == "'":
        return character
    if kind.startswith("N"):
        raise TranscriptError(
            f"the transcript has the digit {character!r}", "spell numbers out as words"
        )
    if kind.startswith("S") or character in _SPOKEN_SYMBOLS:
        raise TranscriptError(
            f"the transcript has the symbol {character!r}", "spell it out or remove it"
        )
    if kind.startswith("L"):
        raise TranscriptError(
            f"the transcript has the letter {character!r}", "write it with a to z"
        )
    if kind in ("Ps", "Pe") and character not in _LOW_QUOTES:
        raise TranscriptError(
            f"the transcript has the bracket {character!r}",
            "brackets mark what is not said: remove it, and what it encloses",
        )
    if kind.startswith("M") or character in _JOINS:
        return ""
    return " "  # white space, punctuation, control characters


_BECOMES = _Becomes()


def changes(text: str, normal: str) -> tuple[str, ...]:
    """Return how `normalise` changed `text` into `normal`: some of `CHANGES`."""
    if text == normal:
        return ()
    found = {"capitals"} if text != text.lower() else set()
    if len(text) != len(normal) or text.lower() != normal:
        found.update(_change(character) for character in set(text))
        if text.count("'") > normal.count("'"):
            found.add("quotes and apostrophes")
    return tuple(name for name in CHANGES if name in found)


def example(change: str, text: str, normal: str) -> tuple[str, str]:
    """Return the first word of `text` that was changed so, and what became of it.

    Both texts where no single word shows it.
    """
    for word in text.split():
        with suppress(TranscriptError):
            becomes = normalise(word)
            if change in changes(word, becomes):
                return word, becomes
    return text, normal


@lru_cache(1 << 12)
def _change(character: str) -> str:
    """Return the kind of change that a character stands for, "" where it is kept."""
    kind = unicodedata.category(character)
    if character == "'" or character.isspace() or (character.isascii() and character.isalpha()):
        return ""
    if ord(character) in _APOSTROPHES or character in _LOW_QUOTES or character in '"“”«»‹›':
        return "quotes and apostrophes"
    if kind == "Pd" or character in "/\\_":
        return "dashes and slashes"
    return "accents" if kind[0] in "LM" else "punctuation"
