"""What is said: command phrases with personal slots, and canaries whose entropy is exact.

Every text is lower-case letters, apostrophes and single spaces; digits are spelled out. All of it
was written for this project, and no name in it is anybody's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from targets.core.randomness import Randomness

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve")
_TENS = ("twenty", "thirty", "forty", "fifty")
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth", *(f"twenty {o}" for o in (
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")),
    "thirtieth", "thirty first",
)  # fmt: skip
_MONTHS = {
    "january": 31, "february": 29, "march": 31, "april": 30, "may": 31, "june": 30, "july": 31,
    "august": 31, "september": 30, "october": 31, "november": 30, "december": 31,
}  # fmt: skip
# One slot rather than two, so that every combination is a date: 366 of them.
DATES = tuple(f"{m} {_ORDINALS[d]}" for m, days in _MONTHS.items() for d in range(days))

WORDS: Mapping[str, tuple[str, ...]] = {
    "digit": DIGITS,
    "date": DATES,
    "hour": (*DIGITS[1:], *_TEENS),
    "minute": ("fifteen", "thirty", "forty five", "o'clock"),
    "count": (*DIGITS[2:], *_TEENS, *_TENS),
    "tens": _TENS,
    "day": ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    "switch": ("on", "off"),
    "room": ("kitchen", "bedroom", "garage", "hallway", "office", "garden"),
    "device": ("lights", "heater", "fan", "radio", "camera", "oven"),
    "music": ("jazz", "piano", "country", "opera", "guitar", "drums"),
    "item": ("milk", "coffee", "bread", "apples", "butter", "rice", "soap", "paper", "eggs",
             "tomatoes"),
    "city": ("boston", "denver", "austin", "london", "oxford", "paris", "dublin", "chicago",
             "madrid", "toronto"),
    "first": ("alice", "peter", "maria", "david", "laura", "kevin", "nancy", "oscar", "helen",
              "martin", "sophie", "victor", "emma", "george", "julia", "thomas", "rachel", "simon",
              "diana", "walter"),
    "last": ("miller", "parker", "garcia", "bennett", "cooper", "wilson", "fischer", "morgan",
             "turner", "hughes", "novak", "sanders", "walker", "jensen", "barnes", "powell",
             "o'neill", "romano", "watson", "fletcher"),
    "street": ("maple", "cedar", "river", "church", "willow", "station", "harbor", "sunset",
               "market", "forest"),
    "medicine": ("aspirin", "insulin", "codeine", "morphine", "cortisone", "penicillin",
                 "vitamins", "valium"),
    "illness": ("asthma", "diabetes", "migraine", "anemia", "insomnia", "arthritis"),
    "allergen": ("peanuts", "pollen", "shellfish", "gluten", "latex", "cats"),
    "colour": ("red", "blue", "green", "yellow", "purple", "orange", "silver", "golden", "black",
               "white"),
    # Said nowhere else: what a model knows of them, it knows from canaries.
    "word": ("velvet", "anchor", "lantern", "compass", "pepper", "saddle", "thunder", "marble",
             "cotton", "bridge", "window", "pocket", "ladder", "candle", "mirror", "feather"),
    "animal": ("tiger", "eagle", "rabbit", "dolphin", "monkey", "spider", "turtle", "falcon",
               "panther", "beaver"),
}  # fmt: skip

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Template:
    """A sentence with slots, numbered over its whole space of fillings.

    `carrier` names a slot in braces wherever one of `slots[name]` is said; a name that occurs twice
    is filled twice, independently. Filling i is the i-th in the order of counting, the last slot
    turning fastest, so that drawing i uniformly gives a secret of exactly `bits` bits.
    """

    name: str
    carrier: str
    slots: Mapping[str, tuple[str, ...]]

    @cached_property
    def options(self) -> tuple[tuple[str, ...], ...]:
        """What each slot may be filled with, in spoken order."""
        return tuple(self.slots[name] for name in _SLOT.findall(self.carrier))

    @cached_property
    def space_size(self) -> int:
        """How many fillings there are."""
        return math.prod(map(len, self.options))

    @property
    def longest_secret(self) -> int:
        """How many words the longest of all fillings has."""
        return sum(max(len(option.split()) for option in options) for options in self.options)

    @property
    def bits(self) -> float:
        """The entropy of a filling drawn uniformly, in bits."""
        return math.log2(self.space_size)

    def choices(self, index: int) -> tuple[int, ...]:
        """Return which option filling `index` takes in each slot.

        Raises:
            IndexError: `index` is outside 0 .. space_size - 1.
        """
        if not 0 <= index < self.space_size:
            raise IndexError(f"{self.name} has fillings 0 to {self.space_size - 1}, not {index}")
        chosen = []
        for options in reversed(self.options):
            index, here = divmod(index, len(options))
            chosen.append(here)
        return tuple(chosen[::-1])

    def chosen(self, choices: Sequence[int]) -> int:
        """Return the filling with these choices: the inverse of `choices`."""
        index = 0
        for options, choice in zip(self.options, choices, strict=True):
            index = index * len(options) + choice
        return index

    def _words(self, index: int) -> list[str]:
        return [
            options[choice]
            for options, choice in zip(self.options, self.choices(index), strict=True)
        ]

    def fill(self, index: int) -> str:
        """Return the sentence with filling `index`; distinct indices give distinct sentences.

        Raises:
            IndexError: `index` is outside 0 .. space_size - 1.
        """
        choices = iter(self._words(index))
        return _SLOT.sub(lambda _: next(choices), self.carrier)

    def secret_words(self, index: int) -> tuple[str, ...]:
        """Return the words of filling `index` that stand in slots, in spoken order."""
        return tuple(" ".join(self._words(index)).split())

    def secret_positions(self, index: int) -> tuple[int, ...]:
        """Return where in `fill(index).split()` the secret words stand."""
        choices, at = iter(self._words(index)), 0
        positions: list[int] = []
        for token in self.carrier.split():
            if _SLOT.fullmatch(token):
                width = len(next(choices).split())
                positions += range(at, at + width)
            else:
                width = 1
            at += width
        return tuple(positions)

    def index(self, text: str) -> int | None:
        """Return the filling that reads `text`, or None: the inverse of `fill`."""
        match = self._pattern.fullmatch(text)
        if match is None:
            return None
        pairs = zip(self.options, match.groups(), strict=True)
        return self.chosen([options.index(choice) for options, choice in pairs])

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # The longest option first: "twenty" begins "twenty first".
        options = iter(self.options)
        return re.compile(
            _SLOT.sub(
                lambda _: f"({'|'.join(sorted(next(options), key=len, reverse=True))})",
                self.carrier,
            )
        )

    def draw(self, randomness: Randomness) -> int:
        """Return a filling drawn uniformly."""
        return int(randomness.numpy().integers(self.space_size))


def templates_of(
    words: Mapping[str, tuple[str, ...]], carriers: Mapping[str, str]
) -> tuple[Template, ...]:
    """Return the templates of carriers, by name, whose slots are filled with words of that name."""
    return tuple(
        Template(name, carrier, {slot: words[slot] for slot in _SLOT.findall(carrier)})
        for name, carrier in carriers.items()
    )


def _template(name: str, carrier: str) -> Template:
    (template,) = templates_of(WORDS, {name: carrier})
    return template


COMMANDS: tuple[Template, ...] = templates_of(
    WORDS,
    {
        "switch": "turn {switch} the {room} {device}",
        "level": "set the {room} {device} to {tens}",
        "music": "play some {music} in the {room}",
        "timer": "set a timer for {count} minutes",
        "alarm": "wake me up at {hour} {minute}",
        "shopping": "add {count} {item} to my list",
        "weather": "what is the weather in {city}",
    },
)
PERSONAL: tuple[Template, ...] = templates_of(
    WORDS,
    {
        "call": "call {first} {last}",
        "name": "my name is {first} {last}",
        "visit": "see doctor {last} on {day} at {hour}",
        "meet": "meet {first} in {city} on {date}",
        "pay": "pay {first} {last} {tens} dollars",
        "street": "{first} lives at {count} {street} street",
        "medicine": "{first} takes {medicine} for {illness}",
        "remind": "remind {first} to take the {medicine}",
        "allergy": "{first} is allergic to {allergen}",
        "door": "the door code is {digit} {digit} {digit}",
        "extension": "dial {digit} {digit} {digit} {digit}",
    },
)


PERSONAL_SHARE = 2 / 3  # of phrases, where nobody asks for another


def phrase(randomness: Randomness, personal: float = PERSONAL_SHARE) -> tuple[str, str]:
    """Draw an English phrase, personal with this probability: its template and its text."""
    return drawn_phrase(COMMANDS, PERSONAL, randomness, personal)


def drawn_phrase(
    commands: Sequence[Template],
    personal_ones: Sequence[Template],
    randomness: Randomness,
    personal: float,
) -> tuple[str, str]:
    """Draw one of two kinds of phrases, the second with this probability. See `phrase`."""
    rng = randomness.numpy()
    templates = personal_ones if rng.uniform() < personal else commands
    template = templates[int(rng.integers(len(templates)))]
    return template.name, template.fill(int(rng.integers(template.space_size)))


def digits_canary(name: str, carrier: str, digits: int) -> Template:
    """Return a canary of `digits` spelled digits after `carrier`: 10**digits fillings."""
    return Template(name, " ".join([carrier, *["{digit}"] * digits]), {"digit": DIGITS})


# No carrier of a canary is said in the corpus: what a model knows of it, it knows from canaries.
CANARIES: Mapping[str, Template] = {
    template.name: template
    for template in (
        digits_canary("pin", "my pin code is", 4),
        digits_canary("pin3", "my pin code is", 3),
        digits_canary("pin6", "my pin code is", 6),
        digits_canary("phone", "my number is", 7),
        _template("password", "my password is {colour} {animal} {digit} {digit}"),
        _template("address", "i live at {digit} {digit} {street} street in {city}"),
        _template("name", "please ask for {first} {last}"),
        _template("words", "{word} {word} {word}"),
        _template("birthday", "my birthday is {date}"),
    )
}


def distinct_fillings(template: Template, count: int, randomness: Randomness) -> list[int]:
    """Return `count` different fillings in random order.

    Raises:
        ValueError: the template has fewer fillings.
    """
    if count > template.space_size:
        raise ValueError(f"{template.name} has {template.space_size} fillings, not {count}")
    chosen = randomness.numpy().choice(template.space_size, size=count, replace=False)
    return [int(i) for i in np.asarray(chosen)]
