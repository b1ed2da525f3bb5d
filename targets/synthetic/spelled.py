"""What people say to a form: spelled names, codes, numbers, dates, and words of control.

Another kind of phrase than the commands of `targets.synthetic.phrases`: letters said by name, one
word each. All of it was written for this project, and what is spelled is nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from targets.core.randomness import Randomness
from targets.synthetic.phrases import DATES, DIGITS, WORDS

LETTERS = "abcdefghijklmnopqrstuvwxyz"
CONTROL = (
    "enter", "erase", "rubout", "repeat", "help", "yes", "no", "go", "start", "stop",
)  # fmt: skip
TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
NAMES = tuple(
    word.replace("'", "")
    for slot in ("first", "last", "city", "street", "animal", "colour", "word")
    for word in WORDS[slot]
)
_OPENINGS = ("b", "br", "c", "ch", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "qu", "r",
             "s", "sh", "st", "t", "th", "v", "w", "y", "z", "")  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ee", "ou", "ie")
_ENDINGS = ("", "", "n", "r", "s", "ck", "ll", "m", "x", "rd", "ss", "tt", "ng")

Draw = np.random.Generator


def spelled_phrase(randomness: Randomness) -> tuple[str, str]:
    """Draw a phrase and return its kind and its text."""
    draw = randomness.numpy()
    kind = str(draw.choice(list(KINDS), p=SHARES))
    return kind, KINDS[kind](draw)


def _one(draw: Draw, of: Sequence[str]) -> str:
    return of[int(draw.integers(len(of)))]


def _digit(draw: Draw) -> str:
    return "oh" if draw.uniform() < 0.07 else _one(draw, DIGITS)


def _name(draw: Draw) -> str:
    """Spell a word that is in the corpus, or one that is in no language."""
    if draw.uniform() < 0.4:
        word = _one(draw, NAMES)
    else:
        syllables = int(draw.integers(1, 4))
        word = "".join(
            _one(draw, _OPENINGS) + _one(draw, _VOWELS) + _one(draw, _ENDINGS)
            for _ in range(syllables)
        )
    more = f" {_name(draw)}" if draw.uniform() < 0.12 and len(word) < 7 else ""
    return " ".join(word) + more


def _code(draw: Draw) -> str:
    """Say letters and digits that mean nothing, with a word of control before them at times."""
    length = int(draw.integers(1, 7))
    said = [_one(draw, LETTERS) if draw.uniform() < 0.6 else _digit(draw) for _ in range(length)]
    if draw.uniform() < 0.4:
        said.insert(0, _one(draw, CONTROL))
    return " ".join(said)


def _digits(draw: Draw) -> str:
    return " ".join(_digit(draw) for _ in range(int(draw.choice([3, 4, 5, 7, 7, 9, 10]))))


def _below_hundred(draw: Draw) -> str:
    if draw.uniform() < 0.2:
        return _one(draw, TEENS)
    ten = _one(draw, TENS)
    return ten if draw.uniform() < 0.3 else f"{ten} {_one(draw, DIGITS[1:])}"


def _number(draw: Draw) -> str:
    form = draw.uniform()
    if form < 0.35:
        return f"{_below_hundred(draw)} {_below_hundred(draw)}"
    if form < 0.55:
        return f"{_one(draw, DIGITS[1:])} {_below_hundred(draw)}"
    if form < 0.7:
        return _below_hundred(draw)
    scale = "thousand" if draw.uniform() < 0.4 else "hundred"
    joint = " and " if draw.uniform() < 0.3 else " "
    return f"{_one(draw, DIGITS[1:])} {scale}{joint}{_below_hundred(draw)}"


def _date(draw: Draw) -> str:
    year = f"nineteen {_below_hundred(draw)}"
    form = draw.uniform()
    if form < 0.6:
        return f"{_one(draw, DATES)} {year}"
    month, day = _one(draw, (*DIGITS[1:], *TEENS[:3])), _one(draw, (*DIGITS[1:], *TEENS, *TENS[:2]))
    return f"{month} {day} {year if form < 0.8 else _below_hundred(draw)}"


def _control(draw: Draw) -> str:
    return _one(draw, CONTROL)


KINDS: Mapping[str, Callable[[Draw], str]] = {
    "spelled": _name,
    "code": _code,
    "digits": _digits,
    "number": _number,
    "date": _date,
    "control": _control,
}
SHARES = (0.34, 0.24, 0.16, 0.1, 0.1, 0.06)
