"""Transcripts in overheard's alphabet: lower-case letters, apostrophes and single spaces."""

from __future__ import annotations

import re
import unicodedata

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
    kept = []
    # NFKD before lower(), and again by it: "É" becomes "E" and an accent, "Ⅳ" becomes letters.
    for character in unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).lower():
        kind = unicodedata.category(character)
        if "a" <= character <= "z" or character == "'":
            kept.append(character)
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
        elif kind in ("Ps", "Pe") and character not in _LOW_QUOTES:
            raise TranscriptError(
                f"the transcript has the bracket {character!r}",
                "brackets mark what is not said: remove it, and what it encloses",
            )
        elif not kind.startswith("M") and character not in _JOINS:
            kept.append(" ")  # white space, punctuation, control characters
    words = _LONE_APOSTROPHE.sub(" ", "".join(kept)).split()
    if not words:
        raise TranscriptError("the transcript is empty", "transcribe the audio or drop the line")
    return " ".join(words)


def changes(text: str, normal: str) -> tuple[str, ...]:
    """Return how `normalise` changed `text` into `normal`: some of `CHANGES`."""
    if text == normal:
        return ()
    found = {"capitals"} if text != text.lower() else set()
    if len(text) != len(normal) or text.lower() != normal:
        for character in text:
            if (
                character == "'"
                or character.isspace()
                or (character.isascii() and character.isalpha())
            ):
                continue
            found.add(_change(character))
        if text.count("'") > normal.count("'"):
            found.add("quotes and apostrophes")
    return tuple(name for name in CHANGES if name in found)


def _change(character: str) -> str:
    kind = unicodedata.category(character)
    if ord(character) in _APOSTROPHES or character in _LOW_QUOTES or character in '"“”«»‹›':
        return "quotes and apostrophes"
    if kind == "Pd" or character in "/\\_":
        return "dashes and slashes"
    return "accents" if kind[0] in "LM" else "punctuation"
