"""Public rules of how a text may have been said: a recogniser writes "Pitt 15", people say letters.

A pretrained recogniser writes as people write: digits, and words where letters were spelled. A
vote among its hypotheses can only choose what is on the list. These rules put on it, beside every
hypothesis, what could be written that way. They know nothing of anybody's speech, and a longer list
costs no privacy.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import numpy as np

from defenses.public.pseudo_labels import Shortlist
from targets.synthetic.phrases import DIGITS
from targets.synthetic.spelled import TEENS, TENS

_PARTS = re.compile(r"\d+(?:st|nd|rd|th)?|[^\s\d]+")
_IRREGULAR = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip


def verbalised(shortlist: Shortlist) -> Shortlist:
    """Return a list with every way in which its texts may have been said, likeliest first.

    The ways of one text share its probability in equal parts: nothing is known of them.
    """
    credit: dict[str, float] = {}
    for text, log_prob in zip(shortlist.texts, shortlist.log_probs, strict=True):
        ways = readings(text)
        share = float(log_prob) - math.log(len(ways))
        for way in ways:
            credit[way] = max(credit.get(way, -math.inf), share)
    texts = sorted(credit, key=credit.__getitem__, reverse=True)  # of equal ones, as they came
    return Shortlist(texts, np.array([credit[text] for text in texts]))


def readings(text: str) -> list[str]:
    """Return the distinct ways in which a written text may have been said, itself first.

    Numbers are read in one way throughout, and words as they are, spelled, or spelled after the
    first.

    >>> readings("stop 10")
    ['stop 10', 'stop one zero', 'stop one oh', 'stop ten', 'stop tenth', 's t o p one zero', \
's t o p one oh', 's t o p ten', 's t o p tenth']
    """
    parts = _PARTS.findall(text)
    said = [
        " ".join(" ".join(_read(parts, spelled_from, way)).split())
        for spelled_from in (len(parts), 0, 1)
        for way in (_one_by_one, _with_oh, _in_pairs, _whole, _ordinal)
    ]
    return list(dict.fromkeys([text, *said]))


def _read(parts: Sequence[str], spelled_from: int, way: Callable[[str], str]) -> list[str]:
    return [
        _number(part, way) if part[0].isdecimal() else _word(part, place, spelled_from)
        for place, part in enumerate(parts)
    ]


def _word(word: str, place: int, spelled_from: int) -> str:
    return " ".join(word.replace("'", "")) if place >= spelled_from and len(word) > 1 else word


def _number(part: str, way: Callable[[str], str]) -> str:
    digits = part.rstrip("stndrh")
    return _ordinal(digits) if digits != part else way(digits)


def _one_by_one(digits: str) -> str:
    return " ".join(DIGITS[int(d)] for d in digits)


def _with_oh(digits: str) -> str:
    return _one_by_one(digits).replace("zero", "oh")


def _in_pairs(digits: str) -> str:
    """Read two digits at a time, from the end, as years and house numbers are read."""
    first = len(digits) % 2
    pairs = [digits[0]] * first + [digits[n : n + 2] for n in range(first, len(digits), 2)]
    return " ".join(_pair(pair, place) for place, pair in enumerate(pairs))


def _pair(digits: str, place: int) -> str:
    if digits == "00" and place:
        return "hundred"
    return _with_oh(digits) if digits[0] == "0" else _cardinal(int(digits))


def _whole(digits: str) -> str:
    return _one_by_one(digits) if digits[0] == "0" or len(digits) > 6 else _cardinal(int(digits))


def _ordinal(digits: str) -> str:
    """Read the day of a month; other numbers as they are read in whole."""
    if digits[0] == "0" or len(digits) > 2 or int(digits) > 31:
        return _whole(digits)
    *before, last = _cardinal(int(digits)).split()
    ending = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return " ".join([*before, _IRREGULAR.get(last, ending)])


def _cardinal(number: int) -> str:
    """Return a number below a million in words."""
    for unit, name in ((1000, "thousand"), (100, "hundred")):
        if number >= unit:
            rest = f" {_cardinal(number % unit)}" if number % unit else ""
            return f"{_cardinal(number // unit)} {name}{rest}"
    if number < 10:
        return DIGITS[number]
    if number < 20:
        return TEENS[number - 10]
    rest = f" {DIGITS[number % 10]}" if number % 10 else ""
    return TENS[number // 10 - 2] + rest
